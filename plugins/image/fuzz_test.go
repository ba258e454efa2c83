package image

import "testing"

// FuzzReferences holds that every name that is taken is one as docker has it,
// and that it is taken again.
func FuzzReferences(f *testing.F) {
	for _, tag := range []string{"minios:latest", "example.com:5000/a/b:1", "latest", "a__b:c", "localhost/x", "A:b", "x@sha256:1", ""} {
		f.Add("minios", tag)
	}
	f.Fuzz(func(t *testing.T, system, tag string) {
		list, err := Attributes{Tag: tag}.References(system, true)
		if err != nil {
			return
		}
		for _, r := range list {
			again, err := parse(r.Full)
			if err != nil || again.Full != r.Full || again.Familiar != r.Familiar {
				t.Errorf("%q is %+v, and that is %+v: %v", tag, r, again, err)
			}
			if !refName.MatchString(r.Ref) {
				t.Errorf("%q has the name %q in a layout", tag, r.Ref)
			}
		}
	})
}
