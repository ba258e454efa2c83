package config

import (
	"net/url"
	"regexp"
	"strings"
	"unicode"

	"github.com/zclconf/go-cty/cty"

	"github.com/mkmini/mkmini/core/fault"
)

// Provenance is the `provenance` block: what artifacts were made from is
// written beside them.
type Provenance struct {
	// Builder is a URI of who builds; empty for mkmini's own.
	Builder string
	// Invocation identifies the run, and Time says that the time of the build
	// goes into it; without both it is the same each time.
	Invocation string
	Time       bool
	Range      fault.Range
}

// Sign is the `sign` block: artifacts are signed.
type Sign struct {
	// Key is the absolute path of a private key of minisign; empty if it was
	// null, and then nothing is signed.
	Key string
	// PasswordFile is the absolute path of a file with the key's password,
	// and PasswordEnv the environment variable that has it; both may be empty.
	PasswordFile, PasswordEnv string
	// Comment is the trusted comment of signatures; empty for the file's name.
	Comment string
	// KeyRange is where the key's path stands, PasswordRange where that of the
	// password does.
	KeyRange, PasswordRange, Range fault.Range
}

var provenanceShape = shape{
	what: "a provenance block",
	attrs: []attribute{
		{name: "builder", typ: cty.String},
		{name: "invocation", typ: cty.String},
		{name: "time", typ: cty.Bool},
	},
}

var signShape = shape{
	what: "a sign block",
	attrs: []attribute{
		{name: "key", typ: cty.String, required: true, null: true, doc: "It is the path of a private key of minisign."},
		{name: "password_file", typ: cty.String},
		{name: "password_env", typ: cty.String},
		{name: "comment", typ: cty.String},
	},
}

// provenance decodes the `provenance` block; nil if there is none.
func (d *decoder) provenance() *Provenance {
	block := d.single("provenance")
	if block == nil {
		return nil
	}
	vals, _ := d.decode(block, provenanceShape, d.global("What artifacts are made from is told for all architectures."))
	p := &Provenance{Builder: vals["builder"].text(), Invocation: vals["invocation"].text(), Range: Range(block.DefRange())}
	if v := vals["time"]; v.state == given {
		p.Time = v.val.True()
	}
	if u, err := url.Parse(p.Builder); p.Builder != "" && (err != nil || u.Scheme == "") {
		d.add(vals["builder"].problem("Invalid URI", "%q names no builder: write a URI, such as \"https://ci.example/builder/1\".", p.Builder))
	}
	return p
}

var validEnv = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// sign decodes the `sign` block; nil if there is none, or no key.
func (d *decoder) sign() *Sign {
	block := d.single("sign")
	if block == nil {
		return nil
	}
	vals, _ := d.decode(block, signShape, d.global("One key signs the artifacts of all architectures."))
	file, env := vals["password_file"], vals["password_env"]
	s := &Sign{
		Key: d.existing(vals["key"], "key", false), PasswordFile: d.existing(file, "password_file", false), PasswordEnv: env.text(),
		Comment: vals["comment"].text(), KeyRange: Range(vals["key"].at), PasswordRange: Range(block.DefRange()), Range: Range(block.DefRange()),
	}
	if file.state == given {
		s.PasswordRange = Range(file.at)
	}
	if env.state == given {
		s.PasswordRange = Range(env.at)
		if !validEnv.MatchString(s.PasswordEnv) {
			d.add(env.problem("Invalid name of a variable", "No variable of the environment can be called that. Write its name, not the password."))
		}
	}
	if file.state == given && env.state == given {
		d.add(clash(env.at, file.at, "Two places of a password", "The key has one password. Remove one of the two."))
	}
	if strings.ContainsFunc(s.Comment, unicode.IsControl) {
		d.add(vals["comment"].problem("Invalid comment", "A trusted comment is one line. Write it without control characters."))
	}
	if s.Key == "" {
		return nil
	}
	return s
}

// global is the scope of what is the same for all architectures.
func (d *decoder) global(reason string) *scope {
	return d.doc.scope.without("arch", reason).without("platform", reason)
}
