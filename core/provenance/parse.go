package provenance

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	slsa "github.com/in-toto/attestation/go/predicates/provenance/v1"
	intoto "github.com/in-toto/attestation/go/v1"
	"google.golang.org/protobuf/encoding/protojson"
)

// Claims are what a statement says that can be compared with something.
type Claims struct {
	Subjects []Subject
	// BuildType, BuilderID and Version say who built, and how.
	BuildType, BuilderID, Version string
	Configuration                 Configuration
	Architectures                 []string
	// Artifact is the path that it had in the output folder.
	Artifact string
}

// ErrOther says that a statement is none of SLSA's provenance.
var ErrOther = errors.New("it is no provenance")

// Parse reads a statement. Errors are one clause.
func Parse(payload []byte) (Claims, error) {
	var s intoto.Statement
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(payload, &s); err != nil {
		return Claims{}, errors.New("it is no in-toto Statement in JSON")
	}
	if err := s.Validate(); err != nil {
		return Claims{}, fmt.Errorf("it is no in-toto Statement: %w", err)
	}
	if s.GetPredicateType() != PredicateType {
		return Claims{}, fmt.Errorf("%w but %q", ErrOther, s.GetPredicateType())
	}
	var p slsa.Provenance
	if err := convert(s.GetPredicate(), &p); err != nil {
		return Claims{}, errors.New("its predicate is no provenance of SLSA")
	}
	if err := p.Validate(); err != nil {
		return Claims{}, fmt.Errorf("its predicate is no provenance of SLSA: %w", err)
	}
	c := Claims{
		BuildType: p.GetBuildDefinition().GetBuildType(),
		BuilderID: p.GetRunDetails().GetBuilder().GetId(),
		Version:   p.GetRunDetails().GetBuilder().GetVersion()["mkmini"],
	}
	for _, d := range s.GetSubject() {
		c.Subjects = append(c.Subjects, Subject{Name: d.GetName(), Digests: d.GetDigest()})
	}
	if c.BuildType != BuildType {
		return c, nil
	}
	if err := c.parameters(p.GetBuildDefinition()); err != nil {
		return Claims{}, errors.New("its parameters are not those of mkmini")
	}
	return c, nil
}

// parameters reads what mkmini's own build type says.
func (c *Claims) parameters(d *slsa.BuildDefinition) error {
	var external struct {
		Configuration struct {
			Files []struct {
				Name   string  `json:"name"`
				Digest Digests `json:"digest"`
			} `json:"files"`
		} `json:"configuration"`
		Variables     map[string]json.RawMessage `json:"variables"`
		Sensitive     []string                   `json:"sensitiveVariables"`
		Architectures []string                   `json:"architectures"`
	}
	var internal struct {
		Artifact string `json:"artifact"`
	}
	for _, one := range []struct {
		from json.Marshaler
		to   any
	}{{d.GetExternalParameters(), &external}, {d.GetInternalParameters(), &internal}} {
		text, err := one.from.MarshalJSON()
		var plain bytes.Buffer
		if err == nil {
			err = json.Compact(&plain, text)
		}
		if err == nil {
			err = json.Unmarshal(plain.Bytes(), one.to)
		}
		if err != nil {
			return err
		}
	}
	for _, f := range external.Configuration.Files {
		c.Configuration.Files = append(c.Configuration.Files, File{f.Name, f.Digest[SHA256]})
	}
	c.Configuration.Variables, c.Configuration.Sensitive = external.Variables, external.Sensitive
	c.Architectures, c.Artifact = external.Architectures, internal.Artifact
	return nil
}

// Differences says how a configuration differs from the one that an artifact
// was made from, each difference a clause; there are none if it is the same.
func (c Configuration) Differences(now Configuration) []string {
	var all []string
	files := map[string]string{}
	for _, f := range now.Files {
		files[f.Name] = f.SHA256
	}
	for _, f := range c.Files {
		sum, ok := files[f.Name]
		delete(files, f.Name)
		switch {
		case !ok:
			all = append(all, f.Name+" is missing")
		case sum != f.SHA256:
			all = append(all, f.Name+" is another one")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		all = append(all, name+" is new")
	}
	return append(all, c.variables(now)...)
}

// variables says which variables have other values. Of sensitive ones nothing
// is known.
func (c Configuration) variables(now Configuration) []string {
	var all []string
	names := maps.Clone(c.Variables)
	if names == nil {
		names = map[string]json.RawMessage{}
	}
	maps.Copy(names, now.Variables)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		then, wasThere := c.Variables[name]
		value, isThere := now.Variables[name]
		switch {
		case !isThere:
			all = append(all, fmt.Sprintf("the variable %s was %s and is none now", name, then))
		case !wasThere:
			all = append(all, fmt.Sprintf("the variable %s is %s and was none", name, value))
		case !same(then, value):
			all = append(all, fmt.Sprintf("the variable %s was %s and is %s", name, then, value))
		}
	}
	return all
}

// same compares JSON, however it is written.
func same(a, b json.RawMessage) bool {
	var x, y any
	if json.Unmarshal(a, &x) != nil || json.Unmarshal(b, &y) != nil {
		return false
	}
	p, err := json.Marshal(x)
	q, err2 := json.Marshal(y)
	return err == nil && err2 == nil && string(p) == string(q)
}
