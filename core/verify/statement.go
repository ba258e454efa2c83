package verify

import (
	"bytes"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/mkmini/mkmini/core/provenance"
	"github.com/mkmini/mkmini/core/signing"
)

// target is something that a provenance has to be about.
type target struct {
	// what names it in messages, and file is the name of the artifact.
	what, file string
	sha256     string
}

// evidence is an envelope, and where it was found.
type evidence struct {
	where string
	text  []byte
}

// lines splits a file into envelopes, one on a line.
func lines(where string, text []byte) []evidence {
	var all []evidence
	for _, line := range bytes.Split(text, []byte("\n")) {
		if len(bytes.TrimSpace(line)) > 0 {
			all = append(all, evidence{where, line})
		}
	}
	if len(all) == 0 {
		all = append(all, evidence{where, nil})
	}
	return all
}

// statement is a provenance that was read.
type statement struct {
	where    string
	envelope signing.Envelope
	claims   provenance.Claims
}

// read reads envelopes. Those with other statements are passed over; malformed
// says in a clause what is wrong with the first that can't be read.
func read(found []evidence) (all []statement, malformed string) {
	for _, one := range found {
		s, err := parse(one)
		switch {
		case errors.Is(err, provenance.ErrOther):
		case err != nil && malformed == "":
			malformed = fmt.Sprintf("%s can't be read: %s", one.where, err)
		case err == nil:
			all = append(all, s)
		}
	}
	return all, malformed
}

func parse(one evidence) (statement, error) {
	e, err := signing.ParseEnvelope(one.text)
	if err != nil {
		return statement{}, err
	}
	if e.PayloadType != provenance.PayloadType {
		return statement{}, fmt.Errorf("%w but %q", provenance.ErrOther, e.PayloadType)
	}
	claims, err := provenance.Parse(e.Payload)
	return statement{one.where, e, claims}, err
}

// about says whether a statement is about something.
func (s statement) about(t target) bool {
	return slices.ContainsFunc(s.claims.Subjects, func(o provenance.Subject) bool { return o.Digests[provenance.SHA256] == t.sha256 })
}

// statements checks what is said of where an artifact is from.
func (r *Report) statements(targets []target, found []evidence, opts Options) {
	for _, t := range targets {
		r.Digests = append(r.Digests, t.sha256)
	}
	if len(targets) == 0 {
		return // what it consists of is damaged, and told already
	}
	all, malformed := read(found)
	switch {
	case len(found) == 0 && (opts.Configuration == nil || opts.Rebuild):
		r.add(Check{Name: Provenance, Status: Absent, Detail: "nothing says what it was made from"})
		return
	case len(all) == 0 && malformed == "":
		r.add(Check{
			Name: Provenance, Status: Failed, Detail: "there is no provenance that says what it was made from",
			Remedy: "Build with a provenance block, or compare what --rebuild makes.",
		})
		return
	case len(all) == 0:
		r.add(Check{Name: Provenance, Status: Failed, Detail: malformed, Remedy: "Get the provenance again, or build again."})
		return
	}
	all = r.signers(all, opts)
	for _, t := range targets {
		i := slices.IndexFunc(all, func(s statement) bool { return s.about(t) })
		if i < 0 {
			r.add(stranger(t, all))
			return
		}
		r.Claims = &all[i].claims
	}
	c := r.Claims
	r.add(Check{Name: Provenance, Status: OK, Detail: fmt.Sprintf("it is about this; built by %s%s", c.BuilderID, version(c.Version))})
	if opts.Configuration != nil {
		r.configuration(*opts.Configuration, opts.Rebuild)
	}
}

func version(v string) string {
	if v == "" {
		return ""
	}
	return ", mkmini " + v
}

// stranger says that no statement is about something.
func stranger(t target, all []statement) Check {
	c := Check{Name: Provenance, Status: Failed, Remedy: "Get the artifact and its provenance together from whoever made them."}
	var others []string
	for _, s := range all {
		for _, o := range s.claims.Subjects {
			name := path.Base(o.Name)
			if name == t.file || strings.HasPrefix(name, t.file+":") || s.claims.Artifact != "" && path.Base(s.claims.Artifact) == t.file {
				c.Detail = fmt.Sprintf("%s is another one: it has sha256 %s, and the provenance in %s is about %s", t.what, t.sha256, s.where, o.Digests[provenance.SHA256])
				c.Remedy = "It was changed, or is of another build: get both again from whoever made them."
				return c
			}
			others = append(others, o.Name)
		}
	}
	slices.Sort(others)
	c.Detail = fmt.Sprintf("the provenance is of another artifact: %s", strings.Join(slices.Compact(others), ", "))
	return c
}

// signers checks who signed the statements, and returns those that count: with
// keys, those that one of them signed if there are any.
func (r *Report) signers(all []statement, opts Options) []statement {
	var ids []string
	for _, s := range all {
		ids = append(ids, s.envelope.KeyIDs...)
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	if len(opts.Keys) == 0 {
		switch {
		case len(ids) == 0:
			r.add(Check{Name: Signer, Status: Absent, Detail: "nobody signed the provenance"})
		default:
			r.add(Check{
				Name: Signer, Status: Unchecked, Detail: "it says that it is signed by the key " + strings.Join(ids, ", "),
				Remedy: "Give the public key with --key.",
			})
		}
		return all
	}
	var trusted []statement
	failure := signing.ErrUnsigned
	for _, s := range all {
		for _, key := range opts.Keys {
			err := s.envelope.Verify(key)
			if err == nil {
				trusted = append(trusted, s)
				break
			}
			if !errors.Is(failure, signing.ErrChanged) && !errors.Is(err, signing.ErrUnsigned) {
				failure = err
			}
		}
	}
	if len(trusted) > 0 {
		r.add(Check{Name: Signer, Status: OK, Detail: "the provenance is signed by a key that you trust: " + opts.ids()})
		return trusted
	}
	c := Check{Name: Signer, Status: Failed}
	switch {
	case errors.Is(failure, signing.ErrUnsigned):
		c.Detail, c.Remedy = "nobody signed the provenance", "Ask whoever made it for one that is signed, with `mkmini sign` or a sign block."
	case errors.Is(failure, signing.ErrOtherKey):
		c.Detail = fmt.Sprintf("the provenance is signed by the key %s, and you trust %s", strings.Join(ids, ", "), opts.ids())
		c.Remedy = "Ask whoever made it for their public key, and give that with --key if you trust it."
	default:
		c.Detail, c.Remedy = "the provenance was changed after it was signed", "Get it again from whoever made it."
	}
	r.add(c)
	return all
}

// configuration compares what an artifact was made from.
func (r *Report) configuration(now provenance.Configuration, rebuild bool) {
	if rebuild && (r.Claims.BuildType != provenance.BuildType || len(r.Claims.Configuration.Differences(now)) > 0) {
		r.add(Check{
			Name: Configuration, Status: Unchecked, Detail: "its provenance names another configuration; what this one makes is compared",
			Items: r.Claims.Configuration.Differences(now),
		})
		return
	}
	if r.Claims.BuildType != provenance.BuildType {
		r.add(Check{
			Name: Configuration, Status: Failed, Detail: fmt.Sprintf("the provenance is not mkmini's, but of the build type %s", r.Claims.BuildType),
			Remedy: "Compare what --rebuild makes.",
		})
		return
	}
	if d := r.Claims.Configuration.Differences(now); len(d) > 0 {
		r.add(Check{
			Name: Configuration, Status: Failed, Detail: "it was made from another configuration", Items: d,
			Remedy: "Give the configuration as it was, with the same --var and --var-file.",
		})
		return
	}
	detail := "it was made from this configuration"
	if s := r.Claims.Configuration.Sensitive; len(s) > 0 {
		detail += "; the values of sensitive variables are not known: " + strings.Join(s, ", ")
	}
	r.add(Check{Name: Configuration, Status: OK, Detail: detail})
}
