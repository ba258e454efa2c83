package config

import (
	"strings"

	"github.com/zclconf/go-cty/cty"
)

var (
	userShape = shape{what: "a user block", attrs: []attribute{
		{name: "uid", typ: cty.Number}, {name: "group", typ: cty.String}, {name: "groups", typ: cty.List(cty.String)},
		{name: "comment", typ: cty.String}, {name: "home", typ: cty.String}, {name: "shell", typ: cty.String},
		{name: "password", typ: cty.String},
	}}
	groupShape = shape{what: "a group block", attrs: []attribute{{name: "gid", typ: cty.Number}}}
)

// account decodes what a user or group block holds.
func (d *decoder) account(e *Entry, vals values) {
	name := strings.TrimPrefix(e.Path, "/")
	e.Path = ""
	e.Account = &Account{Name: name}
	if e.Kind == Group {
		return
	}
	a := e.Account
	a.Group, a.Groups = vals["group"].text(), vals["groups"].texts()
	a.Comment, a.Home, a.Shell, a.Password = vals["comment"].text(), d.inside(vals["home"]), vals["shell"].text(), vals["password"].text()
	if a.Home == "" {
		a.Home = "/home/" + name
		if name == "root" {
			a.Home = "/root"
		}
	}
	if a.Shell == "" {
		a.Shell = "/bin/sh"
	}
	for _, field := range []string{"comment", "home", "shell", "password"} {
		if strings.ContainsAny(vals[field].text(), ":\n\x00") {
			d.add(vals[field].problem("Invalid "+field, "A colon, a line break and a NUL character have no place in /etc/passwd."))
		}
	}
	for i, group := range append([]string{a.Group}, a.Groups...) {
		at := vals["group"]
		if i > 0 {
			at = vals["groups"].element(i - 1)
		}
		if group != "" && !validAccount.MatchString(group) {
			d.add(at.problem("Invalid name", "%q can't be the name of a group.", group))
		}
	}
	if v := vals["password"]; v.state == given && !strings.ContainsAny(a.Password[:min(1, len(a.Password))], "$*!") {
		d.add(v.problem("Invalid password",
			"The password is not hashed. Write what `mkpasswd` or `openssl passwd -6` prints; it begins with \"$\". Leave it out for none."))
	}
	if a.Password == "" {
		a.Password = "*"
	}
}
