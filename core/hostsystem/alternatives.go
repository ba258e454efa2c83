package hostsystem

import (
	"bufio"
	"os"
	"path"
)

// generated are files that no package lists, since scripts make them when the
// package of the name is installed. What tells of the machine or holds secrets
// isn't among them.
var generated = map[string][]string{
	"base-files":      {"/etc/os-release", "/etc/profile", "/var/run", "/var/lock"},
	"base-passwd":     {"/etc/passwd", "/etc/group"},
	"ca-certificates": {"/etc/ssl/certs/*", "/etc/ca-certificates.conf"},
	"debianutils":     {"/etc/shells"},
	"libc-bin":        {"/etc/ld.so.cache", "/etc/nsswitch.conf"},
	"tzdata":          {"/etc/localtime", "/etc/timezone"},
	"sgml-base":       {"/etc/sgml/catalog"},
	"xml-core":        {"/etc/xml/catalog"},
}

// made returns the paths of a package's generated files.
func made(s *selection, name string) []string {
	var files []string
	for _, pattern := range generated[name] {
		if path.Base(pattern) != "*" {
			files = append(files, pattern)
			continue
		}
		dir, err := s.resolve(path.Dir(pattern), true, nil)
		if err != nil {
			continue
		}
		entries, _ := os.ReadDir(s.disk(dir)) // one that can't be read has none
		for _, e := range entries {
			files = append(files, path.Join(path.Dir(pattern), e.Name()))
		}
	}
	return files
}

// alternatives returns the links that update-alternatives made to one of the
// files: /usr/bin/awk and /etc/alternatives/awk for mawk. Source:
// update-alternatives(1), "the administrative directory".
func (d *dpkg) alternatives(files []string) []string {
	own := make(map[string]bool, len(files))
	for _, file := range files {
		if at, err := d.s.resolve(file, true, nil); err == nil {
			own[at] = true
		}
	}
	var links []string
	for _, link := range d.links() {
		if own[link.leads] {
			links = append(links, "/etc/alternatives/"+link.name, link.path)
		}
	}
	return links
}

// links returns all alternatives that lead somewhere; they are read once.
func (d *dpkg) links() []alternative {
	if d.read {
		return d.all
	}
	d.read = true
	dir := dpkgDir + "/alternatives"
	entries, _ := os.ReadDir(d.s.disk(dir)) // without any there are none
	for _, e := range entries {
		for _, link := range d.readLinks(path.Join(dir, e.Name()), e.Name()) {
			if at, err := d.s.resolve("etc/alternatives/"+link.name, true, nil); err == nil {
				link.leads = at
				d.all = append(d.all, link)
			}
		}
	}
	return d.all
}

// alternative is a name that several packages may provide.
type alternative struct {
	name, path string
	// leads is the file that was chosen.
	leads string
}

// readLinks reads the names of an alternative: the status, its link, pairs of
// names and links that go with it, an empty line, and the choices.
func (d *dpkg) readLinks(file, name string) []alternative {
	f, err := os.Open(d.s.disk(file))
	if err != nil {
		return nil
	}
	defer f.Close()
	var lines []string
	for text := bufio.NewScanner(f); text.Scan() && text.Text() != ""; {
		lines = append(lines, text.Text())
	}
	if len(lines) < 2 {
		return nil
	}
	list := []alternative{{name: name, path: lines[1]}}
	for rest := lines[2:]; len(rest) > 1; rest = rest[2:] {
		list = append(list, alternative{name: rest[0], path: rest[1]})
	}
	return list
}
