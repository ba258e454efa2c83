package config

import (
	"strings"
	"testing"
)

// hugeNumbers are expressions that would be numbers of millions of digits.
var hugeNumbers = []string{
	`tonumber("1e99999999")`,
	`tonumber("1e-99999999")`,
	`"${tonumber("1e99999999")}"`,
	`"1e99999999" + 1`,
	`1 - "1e99999999"`,
	`-"1e99999999"`,
	`"1e99999999" * "1e99999999"`,
	`1 / "1e99999999"`,
	`"1e99999999" % 7`,
	`1e999 * 1e999 * 1e999`,
	`abs("1e99999999")`,
	`max(1, "1e99999999")`,
	`floor("1e99999999")`,
	`jsondecode("{\"a\": [1e99999999]}").a[0]`,
	`jsondecode("1e99999999")`,
	`format("%d", "1e99999999")`,
	`format("%s %5.1f", "x", "1e99999999")`,
	`formatlist("%d", ["1", "1e99999999"])[1]`,
	`[for x in ["1e99999999"] : x + 0][0]`,
	`try(tonumber("1e99999999"), "1e99999999" + 0)`,
	`tolist([1, tonumber("1e99999999")])[1]`,
	`jsonencode(tonumber("1e99999999"))`,
	`pow(10, 300) * pow(10, 300) * pow(10, 300) * pow(10, 300) * pow(10, 300)`,
}

// TestHugeNumbers evaluates them; one that is let through takes minutes.
func TestHugeNumbers(t *testing.T) {
	dir := t.TempDir()
	for _, expr := range hugeNumbers {
		_, _, diags := decodeBytes(dir, []byte("locals { x = "+expr+" }\ntoolchain \"x86_64\" {}\nexport \"docker\" { tag = \"${local.x}\" }\n"))
		if !diags.HasErrors() || !strings.Contains(diags.Error(), "more than a thousand digits") && !strings.Contains(expr, "try(") {
			t.Errorf("%s: %v", expr, diags)
		}
	}
}

// TestNumbersInText lets through what only looks like a number, and what is
// one of reasonable size.
func TestNumbersInText(t *testing.T) {
	dir := t.TempDir()
	for expr, want := range map[string]string{
		`"1e99999999"`:                       "1e99999999", // the start of a commit's hash, say
		`upper("1e99999999")`:                "1E99999999",
		`format("%s-%q", "1e99999999", "x")`: `1e99999999-"x"`,
		`format("%d-%s", 5, "x")`:            "5-x",
		`"${"1e3" + 1}"`:                     "1001",
		`tonumber("12") * 2`:                 "24",
		`length(format("%d", 1e999))`:        "1000",
		`jsonencode({ a = -1.5, b = [for i in range(2) : i] })`: `{"a":-1.5,"b":[0,1]}`,
		`try(tonumber("1e99999999"), "none")`:                   "none",
		`can(tonumber("1e99999999"))`:                           "false",
	} {
		const set = "locals { x = EXPR }\ntoolchain \"x86_64\" {}\nexport \"docker\" {}\nrootfs {\n  file \"/x\" { content = \"${local.x}\" }\n}\n"
		_, cfg, diags := decodeBytes(dir, []byte(strings.Replace(set, "EXPR", expr, 1)))
		if diags.HasErrors() {
			t.Errorf("%s: %v", expr, diags)
			continue
		}
		entries := cfg.Targets[0].Rootfs
		if got := entries[len(entries)-1].Content; got != want {
			t.Errorf("%s = %q, want %q", expr, got, want)
		}
	}
}

// TestHugeNumbersWhereTheyAreConverted gives text to what takes numbers.
func TestHugeNumbersWhereTheyAreConverted(t *testing.T) {
	dir := t.TempDir()
	for _, src := range []string{
		"variable \"x\" {\n  type    = number\n  default = \"1e99999999\"\n}",
		"variable \"x\" {\n  type    = map(list(number))\n  default = { a = [\"1e99999999\"] }\n}",
		"busybox {\n  set = { FOO = \"1e99999999\" + 1 }\n}",
	} {
		_, _, diags := decodeBytes(dir, []byte(src+"\ntoolchain \"x86_64\" {}\nexport \"docker\" {}\n"))
		if !diags.HasErrors() || !strings.Contains(diags.Error(), "more than a thousand digits") {
			t.Errorf("%s: %v", src, diags)
		}
	}
}
