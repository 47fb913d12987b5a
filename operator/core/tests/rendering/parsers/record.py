"""Writes down what the argument parser of an inference engine takes, or gives it arguments to read.

    record.py vllm                     the options of the vLLM that is installed
    record.py sglang                   the options of the SGLang that is installed
    record.py llama.cpp FOLDER         the options in the source of llama.cpp below FOLDER
    record.py vllm --read ARGUMENT...  ends with 0 if the parser takes the arguments, and says what it read

One line for an option: its long names without dashes, how many values it takes (0, 1, ?, * or +), what they are, and the
values that it knows, if it knows them all; between them a tabulator. README.md tells how to install the packages.
"""

import argparse
import importlib.metadata
import pathlib
import re
import sys


def vllm_parser():
    # Without a GPU the engine does not know for which device it is, and a default that nobody asks for would fail.
    import vllm.platforms

    vllm.platforms.current_platform.device_type = "cpu"
    from vllm.entrypoints.common.cli_args import make_arg_parser
    from vllm.utils.argparse_utils import FlexibleArgumentParser

    return make_arg_parser(FlexibleArgumentParser(prog="vllm serve"))


def sglang_parser():
    from sglang.srt.server_args import ServerArgs

    parser = argparse.ArgumentParser(prog="sglang.launch_server")
    ServerArgs.add_cli_args(parser)
    return parser


def kind(action):
    if action.nargs == 0:
        return "switch"
    return {int: "int", float: "float"}.get(action.type, "text")


def of_parser(parser):
    """The options of an argparse parser, those that its help hides included."""
    names = {}
    for name, action in parser._option_string_actions.items():
        if name.startswith("--"):
            names.setdefault(id(action), (action, []))[1].append(name.removeprefix("--"))
    for action, spelled in names.values():
        takes = "1" if action.nargs is None else str(action.nargs)
        choices = [str(choice) for choice in action.choices or [] if choice is not None]
        yield " ".join(sorted(spelled)), takes, kind(action), ",".join(choices)


# In the source an option is its names, perhaps what its value is called, a help text, and what is done with the value.
OPTION = re.compile(r"common_arg\(\s*((?:\{[^{}]*\}\s*,\s*)+)(.*?)\[\s*[&=]?[\w, &]*\]\s*\(([^)]*)\)", re.S)


def of_source(folder):
    """The options of llama.cpp, read from its source."""
    text = (pathlib.Path(folder) / "common/arg.cpp").read_text()
    for option in OPTION.finditer(text):
        names = re.findall(r'"--([a-z0-9-]+)"', option.group(1))
        values = [value for value in option.group(3).split(",")[1:] if "bool" not in value]
        form = "int" if any("int" in value for value in values) else "text" if values else "switch"
        if names:
            yield " ".join(sorted(set(names))), str(len(values)), form, ""


def main(arguments):
    engine, rest = arguments[0], arguments[1:]
    if engine == "llama.cpp":
        lines, source = of_source(rest[0]), f"llama.cpp, from the source in {pathlib.Path(rest[0]).parent.parent.name}"
    else:
        parser = {"vllm": vllm_parser, "sglang": sglang_parser}[engine]()
        if rest[:1] == ["--read"]:
            read = parser.parse_args(rest[1:])
            print({name: value for name, value in vars(read).items() if value != parser.get_default(name)})
            return
        lines, source = of_parser(parser), f"{engine} {importlib.metadata.version(engine)}"
    print(f"# {source}")
    for line in sorted(set(lines)):
        print("\t".join(line))


main(sys.argv[1:])
