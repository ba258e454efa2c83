package image

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mkmini/mkmini/plugins/sdk"
)

func TestReferences(t *testing.T) {
	docker := func(repo, ref string) Reference {
		return Reference{Familiar: repo + ":" + ref, Full: "docker.io/library/" + repo + ":" + ref, Ref: ref}
	}
	tests := []struct {
		name       string
		attributes Attributes
		plain      bool
		want       []Reference
	}{
		{"default", Attributes{}, false, []Reference{docker("minios", "latest")}},
		{"bare", Attributes{Tag: "busy"}, false, []Reference{docker("busy", "latest")}},
		{"full", Attributes{Tag: "docker.io/library/mini:1"}, false, []Reference{docker("mini", "1")}},
		{"user", Attributes{Tag: "team/mini:1"}, false, []Reference{{"team/mini:1", "docker.io/team/mini:1", "1"}}},
		{"registry", Attributes{Tag: "localhost:5000/a/b"}, false,
			[]Reference{{"localhost:5000/a/b:latest", "localhost:5000/a/b:latest", "latest"}}},
		{"several", Attributes{Tag: "a1:1", Tags: []string{"a1:1", "a1:2", "b1:1"}}, false,
			[]Reference{docker("a1", "1"), docker("a1", "2"), {"b1:1", "docker.io/library/b1:1", "b1:1"}}},
		{"plain", Attributes{Tag: "1.0"}, true, []Reference{docker("minios", "1.0")}},
		{"plain default", Attributes{}, true, []Reference{docker("minios", "latest")}},
		{"name in a layout", Attributes{Tag: "other:1.0"}, true, []Reference{docker("other", "1.0")}},
	}
	for _, test := range tests {
		got, err := test.attributes.References("MiniOS", test.plain)
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}

func TestBadReferences(t *testing.T) {
	for _, tag := range []string{"UPPER:1", "a b", "mini:", "mini:la test", "mini@sha256:00", "-mini:1", "mini-:1", "a..b:1", "mini:-x", ":latest", "/mini", "mini/", "mini:1_"} {
		for i, a := range []Attributes{{Tag: tag}, {Tags: []string{"good:1", tag}}} {
			_, err := a.References("minios", i == 1)
			d, ok := errors.AsType[sdk.Diagnostics](err)
			if !ok {
				t.Errorf("%q: got %v, want diagnostics", tag, err)
				continue
			}
			want := [][]string{{"attributes", "tag"}, {"attributes", "tags", "1"}}[i]
			if diff := cmp.Diff(want, d[0].Path); diff != "" || d[0].Remedy == "" {
				t.Errorf("%q: %s %+v", tag, diff, d[0])
			}
		}
	}
}

func TestDecode(t *testing.T) {
	for text, want := range map[string]Attributes{
		``:                                 {Cmd: []string{"/bin/sh"}},
		`{"entrypoint":["/init"]}`:         {Entrypoint: []string{"/init"}},
		`{"cmd":[],"tag":null}`:            {Cmd: []string{}},
		`{"cmd":["a"],"entrypoint":["b"]}`: {Cmd: []string{"a"}, Entrypoint: []string{"b"}},
	} {
		got, err := Decode([]byte(text))
		if err != nil {
			t.Errorf("%s: %v", text, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
	for _, text := range []string{`{"workdir":"srv"}`, `{"env":{"A=B":"1"}}`, `{"env":{"A":"\u0000"}}`, `{"cmd":"sh"}`} {
		_, err := Decode([]byte(text))
		if d, ok := errors.AsType[sdk.Diagnostics](err); !ok || d[0].Path[0] != "attributes" || d[0].Remedy == "" {
			t.Errorf("%s: got %v, want diagnostics", text, err)
		}
	}
	env := Attributes{Env: map[string]string{"Z": "1", "A": "x=y"}}.environment()
	if diff := cmp.Diff([]string{"A=x=y", "PATH=" + searchPath, "Z=1"}, env); diff != "" {
		t.Error(diff)
	}
}
