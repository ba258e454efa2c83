package hostsystem

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"os/exec"
	"path"
	"slices"
	"strings"

	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// rpmDB is the database of the RPM package manager, as the machine's own rpm
// reads it: there are three formats of it.
type rpmDB struct {
	packages map[string]*rpmPackage // by "name.architecture"
	byName   map[string][]string
	provided map[string][]string
	owners   map[string][]string
}

type rpmPackage struct {
	name, arch         string
	epoch, version     string
	requires, provides []string
	files              []string
}

// rpmPlaces are where databases are: of openSUSE and Fedora, and the old one;
// with the files that tell that there is one.
var (
	rpmPlaces = []string{"usr/lib/sysimage/rpm", "var/lib/rpm"}
	rpmFiles  = []string{"rpmdb.sqlite", "Packages.db", "Packages"}
)

// rpmFormat makes rpm print a line for each fact of a package.
const rpmFormat = `N %{NAME}\nA %{ARCH}\nE %{EPOCH}\nV %{VERSION}-%{RELEASE}\n[P %{PROVIDENAME}\n][R %{REQUIRENAME}\n][F %{FILENAMES}\n]`

// openRPM reads the database of the root; nil if there is none. Where it is
// the only one, rpm must be there to read it.
func openRPM(ctx context.Context, s *selection, only bool) (*rpmDB, error) {
	dir := rpmFolder(s)
	if dir == "" {
		return nil, nil
	}
	rpm, err := exec.LookPath("rpm")
	if err != nil && !only {
		return nil, nil
	}
	if err != nil {
		return nil, &fault.Error{
			Step: "rootfs", Summary: "rpm not found", Usage: true, Range: &s.block, Err: err,
			Detail: fmt.Sprintf("The packages of %s are those of rpm, and this machine has no rpm to ask for them.", s.dir),
			Remedy: "Install the package rpm on this machine.",
		}
	}
	cmd := sdk.Command(ctx, rpm, "--root", s.dir, "--dbpath", "/"+dir, "--query", "--all", "--queryformat", rpmFormat)
	cmd.Env = append(cmd.Environ(), "LC_ALL=C.UTF-8", "HOME=/nonexistent") // no macros of the user's
	var out, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaints
	if err := sdk.Run(cmd); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		text, _, _ := strings.Cut(strings.TrimSpace(complaints.String()), "\n")
		return nil, fmt.Errorf("rpm can't read %s: %w: %s", s.disk(dir), err, text)
	}
	return parseRPM(&out)
}

// rpmFolder returns the folder with the database, with no symlink in it.
func rpmFolder(s *selection) string {
	for _, place := range rpmPlaces {
		dir, err := s.resolve(place, true, nil)
		if err != nil {
			continue
		}
		for _, file := range rpmFiles {
			if s.look(path.Join(dir, file)).err == nil {
				return dir
			}
		}
	}
	return ""
}

// parseRPM reads what rpm printed.
func parseRPM(r io.Reader) (*rpmDB, error) {
	db := &rpmDB{packages: make(map[string]*rpmPackage), byName: make(map[string][]string),
		provided: make(map[string][]string), owners: make(map[string][]string)}
	var p *rpmPackage
	text := bufio.NewScanner(r)
	text.Buffer(nil, maxLine)
	for text.Scan() {
		mark, value, _ := strings.Cut(text.Text(), " ")
		if mark == "N" {
			db.insert(p)
			p = &rpmPackage{name: value}
			continue
		}
		if p == nil {
			continue
		}
		switch mark {
		case "A":
			p.arch = value
		case "E":
			if value != "(none)" {
				p.epoch = value
			}
		case "V":
			p.version = value
		case "P":
			p.provides = append(p.provides, value)
		case "R":
			p.requires = append(p.requires, value)
		case "F":
			p.files = append(p.files, value)
		}
	}
	db.insert(p)
	return db, text.Err()
}

// insert notes a package; nil is none. What only holds a key isn't installed.
func (db *rpmDB) insert(p *rpmPackage) {
	if p == nil || p.name == "gpg-pubkey" {
		return
	}
	id := p.name + "." + p.arch
	db.packages[id] = p
	db.byName[p.name] = append(db.byName[p.name], id)
	for _, name := range p.provides {
		db.provided[name] = append(db.provided[name], id)
	}
	for _, file := range p.files {
		db.owners[file] = append(db.owners[file], id)
	}
}

func (db *rpmDB) find(name string) string {
	if _, ok := db.packages[name]; ok {
		return name
	}
	ids := db.byName[name]
	for _, id := range ids {
		if !strings.HasSuffix(id, ".i686") { // those of the other word size are extras
			return id
		}
	}
	return strings.Join(ids[:min(1, len(ids))], "")
}

func (db *rpmDB) ids() []string { return slices.Sorted(maps.Keys(db.packages)) }

func (db *rpmDB) describe(id string) Package {
	p := db.packages[id]
	return Package{Kind: RPM, Name: p.name, Epoch: p.epoch, Version: p.version, Arch: p.arch}
}

func (db *rpmDB) names() []string { return slices.Sorted(maps.Keys(db.byName)) }

func (db *rpmDB) files(id string) ([]string, error) { return db.packages[id].files, nil }

// depends returns who provides what a package requires: a name, a library's
// symbols, or a file. rpm made sure that somebody does. Of a rich dependency
// the first name that is provided counts. Source: rpm's dependencies.md.
func (db *rpmDB) depends(id string) []string {
	var list []string
	for _, need := range db.packages[id].requires {
		names := []string{need}
		if strings.HasPrefix(need, "(") && strings.Contains(need, " ") {
			if strings.Contains(need, " if ") || strings.Contains(need, " unless ") {
				continue // it holds in some cases only
			}
			names = strings.FieldsFunc(need, func(r rune) bool { return r == '(' || r == ')' || r == ' ' })
		}
		for _, name := range names {
			ids := db.provided[name]
			if len(ids) == 0 {
				ids = db.owners[name]
			}
			if len(ids) > 0 && !slices.Contains(ids, id) {
				list = append(list, db.choose(ids, db.packages[id].arch))
				break
			}
		}
	}
	return list
}

// choose returns the one of several packages that is of an architecture.
func (db *rpmDB) choose(ids []string, arch string) string {
	for _, id := range ids {
		if a := db.packages[id].arch; a == arch || a == "noarch" {
			return id
		}
	}
	return ids[0]
}
