package config

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDelivery(t *testing.T) {
	for text, want := range map[string]Delivery{
		``:                                 {},
		`{}`:                               {},
		`{"push":null,"load":null}`:        {},
		`{"push":["a:1","b"],"load":true}`: {Push: []string{"a:1", "b"}, Load: true},
		`{"push":"a","load":"yes"}`:        {},
		`{"push":[1],"load":true}`:         {Load: true},
	} {
		e := Export{Attributes: map[string]json.RawMessage{"x86_64": json.RawMessage(text)}}
		if diff := cmp.Diff(want, e.Delivery("x86_64")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
	if diff := cmp.Diff(Delivery{}, Export{}.Delivery("")); diff != "" {
		t.Error(diff)
	}
}
