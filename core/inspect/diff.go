package inspect

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Field is something that two of a kind differ in.
type Field struct {
	Name string `json:"name"`
	A    string `json:"a"`
	B    string `json:"b"`
}

// The kinds of changes.
const (
	Removed = "removed"
	Added   = "added"
	Changed = "changed"
)

// Change is a path in which two trees differ.
type Change struct {
	// Kind is Removed, Added or Changed, on the way from A to B.
	Kind string
	// A and B are the entries; nil where there is none.
	A, B *Entry
	// Fields are what differs, of a Changed one.
	Fields []Field
}

// Path is the path that differs.
func (c Change) Path() string {
	if c.A != nil {
		return c.A.Path
	}
	return c.B.Path
}

// MarshalJSON writes the path, and the entry that is there on one side only.
func (c Change) MarshalJSON() ([]byte, error) {
	j := struct {
		Path      string  `json:"path"`
		PathBytes []byte  `json:"path_bytes,omitempty"`
		Kind      string  `json:"kind"`
		Fields    []Field `json:"fields,omitempty"`
		Entry     *Entry  `json:"entry,omitempty"`
	}{Path: c.Path(), PathBytes: raw(c.Path()), Kind: c.Kind, Fields: c.Fields}
	if c.Kind != Changed {
		j.Entry = cmp.Or(c.A, c.B)
	}
	return json.Marshal(j)
}

// Ignorable are what a comparison may leave out.
var Ignorable = []string{"config", "links", "mode", "mtime", "owner", "xattrs"}

// ignoring maps fields to what leaves them out.
var ignoring = map[string]string{"hardlink": "links", "mode": "mode", "mtime": "mtime", "uid": "owner", "gid": "owner", "xattrs": "xattrs"}

// Diff compares two trees entry by entry. ignore are names of Ignorable. Of
// what is implied in one of them only the path counts, and of symlinks not the
// mode, which Linux doesn't use.
func Diff(a, b *Tree, ignore []string) []Change {
	var changes []Change
	left, right := a.Entries, b.Entries
	for len(left) > 0 || len(right) > 0 {
		order := 0
		switch {
		case len(left) == 0:
			order = 1
		case len(right) == 0:
			order = -1
		default:
			order = comparePaths(left[0].Path, right[0].Path)
		}
		switch {
		case order < 0:
			changes = append(changes, Change{Kind: Removed, A: left[0]})
			left = left[1:]
		case order > 0:
			changes = append(changes, Change{Kind: Added, B: right[0]})
			right = right[1:]
		default:
			if fields := compare(left[0], right[0], ignore); len(fields) > 0 {
				changes = append(changes, Change{Changed, left[0], right[0], fields})
			}
			left, right = left[1:], right[1:]
		}
	}
	return changes
}

// comparePaths orders paths as a walk through the folders does.
func comparePaths(a, b string) int {
	for a != "" && b != "" {
		x, restA, moreA := strings.Cut(strings.TrimPrefix(a, "/"), "/")
		y, restB, moreB := strings.Cut(strings.TrimPrefix(b, "/"), "/")
		if x != y {
			return strings.Compare(x, y)
		}
		a, b = "", ""
		if moreA {
			a = "/" + restA
		}
		if moreB {
			b = "/" + restB
		}
	}
	return cmp.Compare(len(a), len(b))
}

// compare returns what two entries of one path differ in.
func compare(a, b *Entry, ignore []string) []Field {
	if a.Type != b.Type {
		return []Field{{"type", a.Type.String(), b.Type.String()}}
	}
	if a.Implied || b.Implied {
		return nil
	}
	var fields []Field
	add := func(name, x, y string) {
		if x != y && !slices.Contains(ignore, ignoring[name]) {
			fields = append(fields, Field{name, x, y})
		}
	}
	if a.Type != Symlink {
		add("mode", fmt.Sprintf("%04o", a.Mode), fmt.Sprintf("%04o", b.Mode))
	}
	add("uid", fmt.Sprint(a.UID), fmt.Sprint(b.UID))
	add("gid", fmt.Sprint(a.GID), fmt.Sprint(b.GID))
	if a.Type == File {
		add("size", fmt.Sprint(a.Size), fmt.Sprint(b.Size))
		add("sha256", a.SHA256.String(), b.SHA256.String())
	}
	add("mtime", Time(a.ModTime), Time(b.ModTime))
	add("target", name(a.Target), name(b.Target))
	add("device", a.device(), b.device())
	add("hardlink", name(a.Link), name(b.Link))
	add("xattrs", attributes(a), attributes(b))
	return fields
}

// name is a name that may be empty, so that bytes that are no text are seen.
func name(s string) string {
	if s == "" {
		return ""
	}
	return quoted(s)
}

// Time returns seconds since 1970 as a time in UTC.
func Time(seconds int64) string { return time.Unix(seconds, 0).UTC().Format("2006-01-02T15:04:05Z") }

func (e *Entry) device() string {
	if !e.isDevice() {
		return ""
	}
	return fmt.Sprintf("%d:%d", e.Major, e.Minor)
}

func attributes(e *Entry) string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(e.Xattrs)) {
		all = append(all, fmt.Sprintf("%s=%q", name, e.Xattr(name)))
	}
	return strings.Join(all, " ")
}

// DiffConfig compares what two images say of themselves: the platform, and how
// a container is started. Nil is no image, with which nothing is compared.
func DiffConfig(a, b *Image) []Field {
	if a == nil || b == nil {
		return nil
	}
	var fields []Field
	add := func(name string, x, y any) {
		if x, y := text(x), text(y); x != y {
			fields = append(fields, Field{name, x, y})
		}
	}
	add("platform", a.Platform(), b.Platform())
	x, y := a.Config, b.Config
	add("user", x.User, y.User)
	add("entrypoint", x.Entrypoint, y.Entrypoint)
	add("cmd", x.Cmd, y.Cmd)
	add("env", x.Env, y.Env)
	add("working_dir", x.WorkingDir, y.WorkingDir)
	add("labels", x.Labels, y.Labels)
	add("exposed_ports", x.ExposedPorts, y.ExposedPorts)
	add("volumes", x.Volumes, y.Volumes)
	add("stop_signal", x.StopSignal, y.StopSignal)
	add("healthcheck", x.Healthcheck, y.Healthcheck)
	return fields
}

// text returns a value as it is shown; lists and maps as JSON, and "" for
// what is empty.
func text(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	data, err := json.Marshal(v)
	if s := string(data); err == nil && s != "null" && s != "[]" && s != "{}" {
		return s
	}
	return ""
}
