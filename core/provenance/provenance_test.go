package provenance_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	slsa "github.com/in-toto/attestation/go/predicates/provenance/v1"
	intoto "github.com/in-toto/attestation/go/v1"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/mkmini/mkmini/core/provenance"
)

var update = flag.Bool("update", false, "write the expected files of testdata anew")

// digest is some digest.
func digest(letter string) string { return strings.Repeat(letter, 64) }

func facts() provenance.Facts {
	return provenance.Facts{
		Subjects: []provenance.Subject{
			{Name: "mini-x86_64.docker.tar", Digests: provenance.Digests{provenance.SHA256: digest("a")}},
			{Name: "mini-x86_64.docker.tar:latest", Digests: provenance.Digests{provenance.SHA256: digest("b")}},
		},
		Configuration: provenance.Configuration{
			Files:     []provenance.File{{Name: "mini.hcl", SHA256: digest("c")}},
			Variables: map[string]json.RawMessage{"users": json.RawMessage(`["ann","bob"]`), "level": json.RawMessage(`3`)},
			Sensitive: []string{"token"},
		},
		Architectures: []string{"x86_64"}, Exporter: "docker", Format: "docker", Artifact: "mini-x86_64.docker.tar",
		Epoch: time.Unix(315532800, 0), Version: "1.0.0", Mkmini: digest("d"),
		Steps: []provenance.Step{{ID: "busybox/x86_64", Key: "busybox-x86_64-0123"}},
		Materials: []provenance.Material{
			{Name: "busybox-1.35.0", URI: "https://busybox.net/downloads/busybox-1.35.0.tar.bz2", Digests: provenance.Digests{provenance.SHA256: digest("e")}},
			{Name: "compiler for x86_64", Digests: provenance.Digests{provenance.Compiler: digest("f")}, Annotations: map[string]string{"target": "x86_64-linux-gnu"}},
		},
	}
}

func statement(t *testing.T, f provenance.Facts) []byte {
	t.Helper()
	text, err := f.Statement()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestStatement(t *testing.T) {
	text := statement(t, facts())
	for range 20 {
		if again := statement(t, facts()); !bytes.Equal(text, again) {
			t.Fatalf("two statements of the same:\n%s\n%s", text, again)
		}
	}
	var shown bytes.Buffer
	if err := json.Indent(&shown, append(text, '\n'), "", "  "); err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", "statement.json")
	if *update {
		if err := os.WriteFile(golden, shown.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), shown.String()); diff != "" {
		t.Errorf("statement (-want +got):\n%s", diff)
	}
}

// TestOthersRead has the library of in-toto's specification read a statement,
// strictly, and validate it and its predicate.
func TestOthersRead(t *testing.T) {
	f := facts()
	f.Invocation, f.Started, f.Finished = "run 1", time.Unix(1, 5), time.Unix(2, 7)
	var s intoto.Statement
	if err := protojson.Unmarshal(statement(t, f), &s); err != nil {
		t.Fatal(err)
	}
	var p slsa.Provenance
	text, err := s.GetPredicate().MarshalJSON()
	if err == nil {
		err = protojson.Unmarshal(text, &p)
	}
	if err := errors.Join(err, s.Validate(), p.Validate()); err != nil {
		t.Fatal(err)
	}
	m := p.GetRunDetails().GetMetadata()
	if m.GetInvocationId() != "run 1" || m.GetStartedOn().GetNanos() != 0 || m.GetFinishedOn().GetSeconds() != 2 {
		t.Errorf("metadata %v", m)
	}
}

func TestParse(t *testing.T) {
	f := facts()
	c, err := provenance.Parse(statement(t, f))
	if err != nil {
		t.Fatal(err)
	}
	want := provenance.Claims{
		Subjects: f.Subjects, BuildType: provenance.BuildType, BuilderID: provenance.Builder, Version: "1.0.0",
		Configuration: f.Configuration, Architectures: f.Architectures, Artifact: f.Artifact,
	}
	if diff := cmp.Diff(want, c); diff != "" {
		t.Errorf("claims (-want +got):\n%s", diff)
	}
}

func TestParseOthers(t *testing.T) {
	for text, want := range map[string]string{
		`x`:  "no in-toto Statement in JSON",
		`{}`: "no in-toto Statement: wrong statement type",
		`{"_type":"https://in-toto.io/Statement/v1","subject":[],"predicateType":"x","predicate":{}}`:                                                             "at least one subject",
		`{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"x","digest":{"sha256":"zz"}}],"predicateType":"x","predicate":{}}`:                        "not valid hex",
		`{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"x","digest":{"x":"1"}}],"predicateType":"x","predicate":{}}`:                              `no provenance but "x"`,
		`{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"x","digest":{"x":"1"}}],"predicateType":"https://slsa.dev/provenance/v1","predicate":{}}`: "buildDefinition required",
	} {
		if _, err := provenance.Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

func TestDifferences(t *testing.T) {
	then, now := facts().Configuration, facts().Configuration
	if d := then.Differences(now); d != nil {
		t.Errorf("of the same: %q", d)
	}
	now.Files = []provenance.File{{Name: "mini.hcl", SHA256: digest("1")}, {Name: "more.hcl", SHA256: digest("2")}}
	now.Variables = map[string]json.RawMessage{"users": json.RawMessage(`[ "ann", "bob" ]`), "level": json.RawMessage(`4`), "x": json.RawMessage(`true`)}
	want := []string{"mini.hcl is another one", "more.hcl is new", "the variable level was 3 and is 4", "the variable x is true and was none"}
	if diff := cmp.Diff(want, then.Differences(now)); diff != "" {
		t.Error(diff)
	}
	want = []string{"mini.hcl is another one", "more.hcl is missing", "the variable level was 4 and is 3", "the variable x was true and is none now"}
	if diff := cmp.Diff(want, now.Differences(then)); diff != "" {
		t.Error(diff)
	}
}

func FuzzParse(f *testing.F) {
	text, err := facts().Statement()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`{"_type":"https://in-toto.io/Statement/v1","subject":[{"digest":{"sha256":""}}],"predicateType":"https://slsa.dev/provenance/v1","predicate":{"buildDefinition":[]}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := provenance.Parse(text)
		if err != nil {
			return
		}
		if len(c.Subjects) == 0 {
			t.Fatal("a statement about nothing")
		}
		for _, s := range c.Subjects {
			if len(s.Digests) == 0 {
				t.Fatal("a subject without a digest")
			}
		}
		if d := c.Configuration.Differences(c.Configuration); len(d) > 0 && c.BuildType == provenance.BuildType && unique(c) {
			t.Fatalf("it differs from itself: %q", d)
		}
	})
}

// unique says that no two files have one name.
func unique(c provenance.Claims) bool {
	seen := map[string]bool{}
	for _, f := range c.Configuration.Files {
		if seen[f.Name] {
			return false
		}
		seen[f.Name] = true
	}
	return true
}
