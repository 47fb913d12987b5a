// Prints what Kubernetes' own parser makes of many texts, for operator/core/tests/quantity.rs.
//
// One line for each text, with tabs between: the text as a JSON string; its exact value; Value() and MilliValue(), as the
// real parser gives them, overflows included. A text that the parser refuses has `refused` and nothing else. Write it
// with `make quantities`.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"runtime/debug"

	"k8s.io/apimachinery/pkg/api/resource"
)

// Numbers, each of which is tried with every suffix.
var numbers = []string{
	"", "+", "-", ".", "0", "00", "1", "7", "8.", ".5", "+.5", "-.5", "0.001", "1.5", "+2", "-2", "-1.5", "007", "1.024", "1.0001",
	"999", "1023", "1024", "16383", "123456789.123456789", "0.0000000001", "9223372036854775807", "9223372036854775808",
}

// Every suffix that is one, and exponents around those at which the real parser takes another way.
var suffixes = []string{
	"", "n", "u", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei",
	"e0", "E1", "e3", "e+3", "E-3", "e-9", "e-10", "e18", "e19",
}

// What is tried by itself: texts that look like quantities, and numbers at the ends of what fits.
var others = []string{
	" ", " 1", "1 ", "1 Ki", "\t1", "1\n", "1K", "1ki", "1KI", "1gi", "1g", "1t", "1mi", "1MI", "1i", "1iK", "1B", "1KiB", "1kB", "1KB", "1Zi", "1Y",
	"1e", "1e+", "1e-", "1E+", "1ee3", "1Ee3", "1e3e3", "1e3k", "1ke3", "1e3.5", "1e.5", "1e 3", "1E3Ki", "1Ki3", "1k3", "1m+", "1+", "1-", "1+3", "1n-9",
	"++1", "--1", "+-1", "-+1", "1.2.3", "1..2", "..1", "1,5", "1_000", "0x10", "0b1", "1'000", "1/2", "NaN", "Inf", "inf", "nan", "null", "true", "one",
	"٣", "１", "1é", "½", "1\u00b5", "1\u03bc", "1\u200b", "\u22121", "1\x00",
	"100m", "1e3", "1E", "2Ki", "1k", "+1", "1.", "141Gi", "0.1m", "0.5n", "1500u", "1001m", "-1001m", "-100m", "-0", "+0", "-0.0", "-0.0001Ki", "-1.0001Ki", "-1.0001Gi",
	"8Ei", "7.9999999999999999999Ei", "8191Pi", "8192Pi", "16384Pi", "-8Ei", "-9Ei", "9223372036854775.807k", "9223372036854775.808k", "9.3E", "10E", "9223372036854775807m",
	"-9223372036854775807", "-9223372036854775808", "-9223372036854775809", "18446744073709551615", "18446744073709551616", "1e-400", "1e30", "1e400", "0e400", "1e2147483647",
	"1e4294967297", "1e-4294967295", "1e9223372036854775807", "1e9223372036854775808", "1e-9223372036854775809", "1e0000000000000000000000003", "1e-0",
	"340282366920938463463374607431768211456", "340282366920938463463374607431.768211455", "340282366920938463463374607431.768211456", "999999999999999999", "9999999999999999999", "0.999999999999999999", "0.9999999999999999999",
	"0.00000000000000000000000000000000000000000000000001", "000000000000000000000000000000000000000000000000001", "1.00000000000000000000000000000000000000000000000000", "1.00000000000000000000000000000000000000000000000001Gi",
}

func version() string {
	information, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, module := range information.Deps {
		if module.Path == "k8s.io/apimachinery" {
			return module.Version
		}
	}
	return "unknown"
}

// The exact value, or `huge` where writing it out would fill a disk.
func exact(quantity resource.Quantity) string {
	if digits := -quantity.AsDec().Scale(); digits > 50 {
		return "huge"
	}
	return quantity.AsDec().String()
}

func main() {
	out := bufio.NewWriter(os.Stdout)
	fmt.Fprintf(out, "# k8s.io/apimachinery %s\n", version())
	texts := others
	for _, number := range numbers {
		for _, suffix := range suffixes {
			texts = append(texts, number+suffix)
		}
	}
	printed := map[string]bool{}
	for _, text := range texts {
		if printed[text] {
			continue
		}
		printed[text] = true
		quoted, err := json.Marshal(text)
		if err != nil {
			panic(err)
		}
		quantity, err := resource.ParseQuantity(text)
		if err != nil {
			fmt.Fprintf(out, "%s\trefused\n", quoted)
			continue
		}
		value, milli := quantity.Value(), quantity.MilliValue()
		fmt.Fprintf(out, "%s\t%s\t%d\t%d\n", quoted, exact(quantity), value, milli)
	}
	if err := out.Flush(); err != nil {
		panic(err)
	}
}
