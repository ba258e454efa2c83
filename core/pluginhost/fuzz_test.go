package pluginhost

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// FuzzManifest checks that a description which is accepted can't lead out of
// a folder or break a message, whatever a plugin prints.
func FuzzManifest(f *testing.F) {
	for _, seed := range []string{
		``, `{}`, `[]`, `null`, `{"name":"x"} {}`, `{"name":"x","protocols":[]}`,
		`{"name":"x","version":"1","protocols":[1],"exporter":{"attributes":[{"name":"a","type":"list(map(string))"}]}}`,
		`{"name":"x","version":"1","protocols":[1],"toolchain":{"arch":"sw64","triplets":["sw_64*"],"elf":{"bits":64,"machines":[39190]},
		  "platform":{"os":"linux","architecture":"sw64"},"kernel_arch":"sw_64","boot":{"system":"q","console":"ttyS0"}}}`,
		`{"name":"x","version":"1","protocols":[9,-1],"exporter":{"attributes":[{"name":"a","type":"string","default":3,"one_of":["b"]}]}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := parseManifest(b)
		if err != nil {
			return
		}
		if !json.Valid(b) {
			t.Fatalf("accepted what is no JSON: %q", b)
		}
		found := &Found{Name: "x", Path: "/mkmini-plugin-x", Manifest: m}
		if err := found.checkProtocol(); err != nil {
			return
		}
		if err := found.checkManifest(); err != nil {
			return
		}
		if m.Toolchain != nil && !filepath.IsLocal(m.Toolchain.Arch) {
			t.Errorf("accepted the architecture %q", m.Toolchain.Arch)
		}
		if m.Toolchain == nil && m.Exporter == nil {
			t.Error("accepted a plugin that can do nothing")
		}
	})
}

// FuzzLines checks that lines come whole and once, however they are written.
func FuzzLines(f *testing.F) {
	f.Add("one\ntwo\n", 3)
	f.Add("\n\nno end", 1)
	f.Add(strings.Repeat("x", 3*lineLength)+"\ny\n", lineLength)
	f.Fuzz(func(t *testing.T, text string, size int) {
		if size < 1 || len(text)/size > 1<<12 {
			return
		}
		var got []string
		l := newLines(func(line string) { got = append(got, line) })
		for chunk := range slices.Chunk([]byte(text), size) {
			if n, err := l.Write(chunk); n != len(chunk) || err != nil {
				t.Fatalf("Write = %d, %v", n, err)
			}
		}
		l.flush()
		var want []string
		for line := range strings.Lines(text) {
			line = strings.TrimSuffix(line, "\n")
			want = append(want, strings.TrimRight(line[:min(len(line), lineLength)], "\r"))
		}
		if !slices.Equal(want, got) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func TestTail(t *testing.T) {
	var stderr tail
	for range 3 {
		stderr.add("before")
	}
	stderr.add("panic: the cat")
	for range 1000 {
		stderr.add("goroutine")
	}
	if n := len(stderr.lines()); n != tailLines {
		t.Errorf("%d lines are kept", n)
	}
	if got := stderr.panicHead(); len(got) != panicLines || got[0] != "panic: the cat" {
		t.Errorf("the head of the panic is %q", got)
	}
}

func TestIsType(t *testing.T) {
	for text, want := range map[string]bool{
		"string": true, "list(string)": true, "map(list(number))": true, "set(bool)": true,
		"": false, "text": false, "list(": false, "list()": false, "list(string": false, "list(string))": false, "string)": false,
	} {
		if isType(text) != want {
			t.Errorf("isType(%q) = %v", text, !want)
		}
	}
}
