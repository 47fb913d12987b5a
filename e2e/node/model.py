"""Writes a language model of random weights as GGUF: whole for an engine, and of no use to anybody.

The tokens are the bytes, so that every text can be read and written. The same seed gives the same file.
"""

import sys

import gguf
import numpy

LAYERS = 2
HEADS = 4
KEY_VALUE_HEADS = 2
HEAD = 16
EMBEDDING = HEADS * HEAD
FEED_FORWARD = 128
CONTEXT = 4096
SPECIAL = ["<unk>", "<s>", "</s>"]
TEMPLATE = "{% for message in messages %}{{ message['content'] }}\n{% endfor %}"


def vocabulary(writer):
    types = gguf.TokenType
    tokens = SPECIAL + [f"<0x{byte:02X}>" for byte in range(256)] + ["\u2581"]
    kinds = [types.UNKNOWN, types.CONTROL, types.CONTROL] + [types.BYTE] * 256 + [types.NORMAL]
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([0.0] * len(tokens))
    writer.add_token_types(kinds)
    writer.add_unk_token_id(0)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_chat_template(TEMPLATE)
    return len(tokens)


def hyperparameters(writer, tokens):
    writer.add_name("hemvist-e2e")
    writer.add_vocab_size(tokens)
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(EMBEDDING)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KEY_VALUE_HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(HEAD)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)


def weights(writer, tokens):
    random = numpy.random.default_rng(0)

    def matrix(name, rows, columns):
        writer.add_tensor(name, random.normal(0, 0.05, (rows, columns)).astype(numpy.float32))

    def norm(name):
        writer.add_tensor(name, numpy.ones(EMBEDDING, dtype=numpy.float32))

    matrix("token_embd.weight", tokens, EMBEDDING)
    norm("output_norm.weight")
    matrix("output.weight", tokens, EMBEDDING)
    for layer in range(LAYERS):
        name = f"blk.{layer}"
        norm(f"{name}.attn_norm.weight")
        matrix(f"{name}.attn_q.weight", EMBEDDING, EMBEDDING)
        matrix(f"{name}.attn_k.weight", KEY_VALUE_HEADS * HEAD, EMBEDDING)
        matrix(f"{name}.attn_v.weight", KEY_VALUE_HEADS * HEAD, EMBEDDING)
        matrix(f"{name}.attn_output.weight", EMBEDDING, EMBEDDING)
        norm(f"{name}.ffn_norm.weight")
        matrix(f"{name}.ffn_gate.weight", FEED_FORWARD, EMBEDDING)
        matrix(f"{name}.ffn_up.weight", FEED_FORWARD, EMBEDDING)
        matrix(f"{name}.ffn_down.weight", EMBEDDING, FEED_FORWARD)


def main(path):
    writer = gguf.GGUFWriter(path, "llama")
    tokens = vocabulary(writer)
    hyperparameters(writer, tokens)
    weights(writer, tokens)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    main(sys.argv[1])
