package ui

import (
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

func TestSize(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 1<<20 - 1: "1024.0 KiB",
		1 << 20: "1.00 MiB", 2051234: "1.96 MiB", 3 << 30: "3.00 GiB",
	} {
		if got := size(n); got != want {
			t.Errorf("size(%d) = %q, want %q", n, got, want)
		}
	}
	if got := sizes(0, 2500000); got != "0.00/2.38 MiB" {
		t.Errorf("sizes = %q", got)
	}
}

func TestDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0.0s", 49 * time.Millisecond: "0.0s", 51 * time.Millisecond: "0.1s",
		59949 * time.Millisecond: "59.9s", 59951 * time.Millisecond: "1m00s",
		62 * time.Second: "1m02s", 3599600 * time.Millisecond: "1h00m",
		time.Hour + 2*time.Minute + 5*time.Second: "1h02m",
	} {
		if got := duration(d); got != want {
			t.Errorf("duration(%v) = %q, want %q", d, got, want)
		}
	}
	for d, want := range map[time.Duration]string{
		-time.Second: "0:00", 41 * time.Second: "0:41", 3723 * time.Second: "1:02:03",
	} {
		if got := clock(d); got != want {
			t.Errorf("clock(%v) = %q, want %q", d, got, want)
		}
	}
}

func TestTruncate(t *testing.T) {
	tests := []struct {
		text  string
		cells int
		want  string
	}{
		{"busybox", 7, "busybox"},
		{"busybox", 6, "busy.."},
		{"busybox", 4, "busy"},
		{"busybox", 0, ""},
		{"busybox", -1, ""},
		{"小型系统", 8, "小型系统"},
		{"小型系统", 7, "小型.."},
		{"小型系统", 3, "小"},
	}
	for _, test := range tests {
		if got := truncate(test.text, test.cells); got != test.want {
			t.Errorf("truncate(%q, %d) = %q, want %q", test.text, test.cells, got, test.want)
		}
	}
	if got := pad("小", 4) + "|" + padLeft("小", 4); got != "小  |  小" {
		t.Errorf("padded = %q", got)
	}
}

func TestWrap(t *testing.T) {
	tests := []struct {
		text  string
		limit int
		want  string
	}{
		{"one two three", 0, "one two three"},
		{"one two three", 13, "one two three"},
		{"one two three", 12, "one two\n  three"},
		{"one abcdefghijklmnop b", 8, "one\n  abcdefghijklmnop\n  b"},
		{"小型 系统 镜像", 9, "小型 系统\n  镜像"},
	}
	for _, test := range tests {
		if got := wrap(test.text, test.limit, 2); got != test.want {
			t.Errorf("wrap(%q, %d) = %q, want %q", test.text, test.limit, got, test.want)
		}
	}
}

func TestClean(t *testing.T) {
	tests := []struct{ in, want string }{
		{"plain 系统 é", "plain 系统 é"},
		{"\x1b[01;31merror:\x1b[m\x1b[K bad", "error: bad"},
		{"\x1b]0;title\x07x\x1b]8;;u\x1b\\y", "xy"},
		{"a\r\nb\tc\n", "a b c"},
		{"\x1b[2J\x1b(B\x1bcx", "x"},
		{"\u202eabc\u2066", "abc"},
		{"a\xffb", "a\ufffdb"},
		{"\u009b31mx", "31mx"},
	}
	for _, test := range tests {
		if got := clean(test.in); got != test.want {
			t.Errorf("clean(%q) = %q, want %q", test.in, got, test.want)
		}
	}
}

func FuzzClean(f *testing.F) {
	for _, seed := range []string{"", "a\x1b[31mb", "\x1b]0;x", "\xff\x1b", "\x1b\x1b[[0m31m", "\u009b1A", "系\u202e"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := clean(s)
		if !utf8.ValidString(got) {
			t.Errorf("clean(%q) = %q is not UTF-8", s, got)
		}
		if i := strings.IndexFunc(got, unicode.IsControl); i >= 0 {
			t.Errorf("clean(%q) = %q has a control character", s, got)
		}
		if again := clean(got); again != got {
			t.Errorf("clean(%q) = %q, and cleaned again %q", s, got, again)
		}
	})
}
