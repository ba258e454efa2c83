package hostsystem

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
)

// dpkg is the database of Debian's package manager. Source: dpkg(1),
// deb-control(5), deb-old(5); status.d is what images without a package
// manager have.
type dpkg struct {
	s *selection
	// packages are those that are installed, by "name:architecture", and
	// byName their keys by name.
	packages map[string]*debPackage
	byName   map[string][]string
	// provided are the keys of packages by the names that they provide.
	provided map[string][]string
	// native is the architecture of dpkg itself, or of most packages.
	native string
	// diverted are files that have another name, by the one in the package,
	// and whose they aren't diverted for.
	diverted map[string]diversion
	// all are the alternatives, once they are read.
	all  []alternative
	read bool
}

type debPackage struct {
	name, arch, version string
	// depends are alternatives, of which one has to be there.
	depends  [][]string
	provides []string
	// list is the name of the file with the files' names.
	list string
}

type diversion struct{ to, by string }

const dpkgDir = "var/lib/dpkg"

// openDpkg reads the database of the root; nil if there is none.
func openDpkg(s *selection) (*dpkg, error) {
	d := &dpkg{s: s, packages: make(map[string]*debPackage), byName: make(map[string][]string),
		provided: make(map[string][]string), diverted: make(map[string]diversion)}
	found := false
	if at, err := s.resolve(dpkgDir+"/status", true, nil); err == nil {
		found = true
		if err := d.readStatus(at, ""); err != nil {
			return nil, err
		}
	}
	if dir, err := s.resolve(dpkgDir+"/status.d", true, nil); err == nil {
		entries, err := os.ReadDir(s.disk(dir))
		if err != nil {
			return nil, plain(err)
		}
		for _, e := range entries {
			if strings.HasSuffix(e.Name(), ".md5sums") {
				continue
			}
			found = true
			if err := d.readStatus(path.Join(dir, e.Name()), path.Join(dir, e.Name()+".md5sums")); err != nil {
				return nil, err
			}
		}
	}
	if !found {
		return nil, nil
	}
	d.native = d.nativeArch()
	return d, d.readDiversions()
}

// readStatus reads packages. List is the file with the files of the only one;
// empty for dpkg's own.
func (d *dpkg) readStatus(name, list string) error {
	f, err := os.Open(d.s.disk(name))
	if err != nil {
		return plain(err)
	}
	defer f.Close()
	return parseControl(f, func(fields map[string]string) {
		status, stated := fields["Status"]
		if fields["Package"] == "" || stated && !strings.HasSuffix(status, " installed") {
			return
		}
		p := &debPackage{name: fields["Package"], arch: fields["Architecture"], version: fields["Version"], list: list}
		for _, field := range []string{"Pre-Depends", "Depends"} {
			p.depends = append(p.depends, relations(fields[field])...)
		}
		for _, one := range relations(fields["Provides"]) {
			p.provides = append(p.provides, one...)
		}
		d.insert(p)
	})
}

func (d *dpkg) insert(p *debPackage) {
	key := p.name + ":" + p.arch
	if p.list == "" {
		p.list = path.Join(dpkgDir, "info", key+".list")
		if d.s.look(p.list).err != nil {
			p.list = path.Join(dpkgDir, "info", p.name+".list")
		}
	}
	d.packages[key] = p
	d.byName[p.name] = append(d.byName[p.name], key)
	for _, name := range p.provides {
		d.provided[name] = append(d.provided[name], key)
	}
}

// nativeArch is the architecture of the system: that of its C library's
// manager, or what most packages have.
func (d *dpkg) nativeArch() string {
	for _, name := range []string{"dpkg", "base-files"} {
		for _, key := range d.byName[name] {
			if arch := d.packages[key].arch; arch != "all" {
				return arch
			}
		}
	}
	count, most := make(map[string]int), ""
	for _, key := range slices.Sorted(maps.Keys(d.packages)) {
		if arch := d.packages[key].arch; arch != "all" {
			if count[arch]++; count[arch] > count[most] {
				most = arch
			}
		}
	}
	return most
}

// readDiversions reads which files have other names. Source:
// dpkg-divert(1); three lines each.
func (d *dpkg) readDiversions() error {
	f, err := os.Open(d.s.disk(dpkgDir + "/diversions"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return plain(err)
	}
	defer f.Close()
	var lines []string
	for text := bufio.NewScanner(f); text.Scan(); {
		if lines = append(lines, text.Text()); len(lines) == 3 {
			d.diverted[lines[0]] = diversion{to: lines[1], by: lines[2]}
			lines = nil
		}
	}
	return nil
}

func (d *dpkg) find(name string) string {
	if _, ok := d.packages[name]; ok {
		return name
	}
	return d.choose(d.byName[name], d.native)
}

func (d *dpkg) ids() []string { return slices.Sorted(maps.Keys(d.packages)) }

func (d *dpkg) describe(id string) Package {
	p := d.packages[id]
	return Package{Kind: Deb, Name: p.name, Version: p.version, Arch: p.arch}
}

func (d *dpkg) names() []string { return slices.Sorted(maps.Keys(d.byName)) }

// choose returns one of several packages of a name: the one of an
// architecture, or of any.
func (d *dpkg) choose(keys []string, arch string) string {
	for _, want := range []string{arch, "all", d.native} {
		for _, key := range keys {
			if d.packages[key].arch == want {
				return key
			}
		}
	}
	if len(keys) > 0 {
		return keys[0]
	}
	return ""
}

// depends returns of each dependency the first alternative that is installed:
// dpkg made sure that there is one.
func (d *dpkg) depends(id string) []string {
	p := d.packages[id]
	arch := p.arch
	if arch == "all" {
		arch = d.native
	}
	var list []string
	for _, alternatives := range p.depends {
		for _, name := range alternatives {
			keys := d.byName[name]
			if len(keys) == 0 {
				keys = d.provided[name]
			}
			if key := d.choose(keys, arch); key != "" {
				list = append(list, key)
				break
			}
		}
	}
	return list
}

// files returns a package's files, those that its scripts are known to make,
// and the names under which update-alternatives knows them.
func (d *dpkg) files(id string) ([]string, error) {
	p := d.packages[id]
	f, err := os.Open(d.s.disk(p.list))
	if err != nil {
		return nil, fmt.Errorf("the files of the package %s aren't known: %w", p.name, plain(err))
	}
	defer f.Close()
	var files []string
	for text := bufio.NewScanner(f); text.Scan(); {
		file := text.Text()
		if strings.HasSuffix(p.list, ".md5sums") {
			_, file, _ = strings.Cut(file, "  ")
		}
		if to, ok := d.diverted[file]; ok && to.by != p.name {
			file = to.to
		}
		files = append(files, path.Join("/", file))
	}
	return slices.Concat(files, made(d.s, p.name), d.alternatives(files)), nil
}
