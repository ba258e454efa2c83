package rootfs

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/mkmini/mkmini/core/config"
)

// firstID is the first number of a user or group that states none.
const firstID = 1000

// accounts are /etc/passwd, group and shadow, which belong together. Source:
// passwd(5), group(5), shadow(5).
type accounts struct{ passwd, group, shadow table }

// table is one of the files, by lines of fields; the first one is the name.
type table [][]string

// row returns the row of a name, nil if there is none.
func (t table) row(name string) []string {
	if i := slices.IndexFunc(t, func(row []string) bool { return row[0] == name }); i >= 0 {
		return t[i]
	}
	return nil
}

// set puts a row in the place of the one with its name, or at the end.
func (t *table) set(row ...string) {
	if i := slices.IndexFunc(*t, func(old []string) bool { return old[0] == row[0] }); i >= 0 {
		(*t)[i] = row
		return
	}
	*t = append(*t, row)
}

// taken says which row has a number in its third field.
func (t table) taken(id int) (name string, ok bool) {
	for _, row := range t {
		if len(row) > 2 && row[2] == strconv.Itoa(id) {
			return row[0], true
		}
	}
	return "", false
}

// free returns the number that is stated, or the next one that is free.
func (t table) free(stated *int) int {
	if stated != nil {
		return *stated
	}
	for id := firstID; ; id++ {
		if _, taken := t.taken(id); !taken {
			return id
		}
	}
}

// lines returns the file's content.
func (t table) lines() string {
	var b strings.Builder
	for _, row := range t {
		b.WriteString(strings.Join(row, ":") + "\n")
	}
	return b.String()
}

// addAccounts puts the users and groups of the entries into the files that
// hold them, after what is there, and makes the users' homes. root is always
// among them. The files are in the last layer that had a say in them.
func addAccounts(ctx context.Context, t *tree, entries []config.Entry, numbers map[string]uint16) error {
	isAccount := func(e config.Entry) bool { return e.Account != nil }
	if !slices.ContainsFunc(entries, isAccount) {
		return nil
	}
	var a accounts
	var err error
	for _, file := range a.files() {
		if *file.table, err = readTable(t, file.path); err != nil {
			return fmt.Errorf("read /%s: %w", file.path, err)
		}
	}
	a.addRoot()
	last := uint16(0)
	// Groups first: users name them.
	for _, kind := range []config.Kind{config.Group, config.User} {
		for i := range entries {
			e := &entries[i]
			if e.Kind != kind {
				continue
			}
			t.layer = numbers[e.Layer]
			last = max(last, t.layer)
			if err := a.add(t, e); err != nil {
				return explain(ctx, e, err)
			}
		}
	}
	from := &origin{what: "the user and group blocks"}
	for _, file := range a.files() {
		text := file.table.lines()
		n := &node{mode: uint16(file.mode), from: from}
		n.file(Content{Data: text, Size: int64(len(text))})
		at, err := t.resolve(file.path, false)
		if err != nil {
			return err
		}
		t.layer = max(last, t.layerOf(at))
		if _, err := t.put(file.path, n); err != nil {
			return err
		}
	}
	return nil
}

// accountFile is where a table is kept.
type accountFile struct {
	path  string
	mode  uint32
	table *table
}

func (a *accounts) files() []accountFile {
	return []accountFile{{"etc/passwd", 0o644, &a.passwd}, {"etc/group", 0o644, &a.group}, {"etc/shadow", 0o600, &a.shadow}}
}

// readTable reads a file of the tree; one that isn't there is empty.
func readTable(t *tree, path string) (table, error) {
	at, err := t.resolve(path, true)
	if err != nil {
		return nil, err
	}
	n := t.get(at)
	if n == nil || n.kind != File {
		return nil, nil
	}
	f, err := n.contentAt(at).open()
	if err != nil {
		return nil, plain(err)
	}
	defer f.Close()
	text, err := io.ReadAll(f)
	if err != nil {
		return nil, err
	}
	var rows table
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" {
			rows = append(rows, strings.Split(line, ":"))
		}
	}
	return rows, nil
}

func (a *accounts) addRoot() {
	if a.passwd.row("root") == nil {
		a.passwd.set("root", "x", "0", "0", "root", "/root", "/bin/sh")
	}
	if a.group.row("root") == nil {
		a.group.set("root", "x", "0", "")
	}
	if a.shadow.row("root") == nil {
		a.shadow.set("root", "*", "", "", "", "", "", "", "")
	}
}

// add puts one user or group into the tables.
func (a *accounts) add(t *tree, e *config.Entry) error {
	if e.Kind == config.Group {
		return a.addGroup(e.Account.Name, e.GID)
	}
	user := e.Account
	uid := a.passwd.free(e.UID)
	if row := a.passwd.row(user.Name); row != nil && e.UID == nil && len(row) > 2 {
		uid, _ = strconv.Atoi(row[2])
	}
	if other, taken := a.passwd.taken(uid); taken && other != user.Name {
		return fmt.Errorf("the number %d is that of the user %s", uid, other)
	}
	group := user.Group
	if group == "" {
		group = user.Name
		if _, taken := a.group.taken(uid); a.group.row(group) == nil && !taken {
			a.group.set(group, "x", strconv.Itoa(uid), "")
		} else if a.group.row(group) == nil {
			a.group.set(group, "x", strconv.Itoa(a.group.free(nil)), "")
		}
	}
	row := a.group.row(group)
	if len(row) < 4 {
		return fmt.Errorf("there is no group %s", group)
	}
	for _, name := range user.Groups {
		if err := a.join(name, user.Name); err != nil {
			return err
		}
	}
	a.passwd.set(user.Name, "x", strconv.Itoa(uid), row[2], user.Comment, user.Home, user.Shell)
	a.shadow.set(user.Name, user.Password, "", "", "", "", "", "", "")
	gid, err := strconv.Atoi(row[2])
	if err != nil {
		return fmt.Errorf("the group %s has the number %q", group, row[2])
	}
	return addHome(t, e, uid, gid)
}

func (a *accounts) addGroup(name string, stated *int) error {
	members := ""
	if row := a.group.row(name); len(row) > 3 {
		members = row[3]
	}
	gid := a.group.free(stated)
	if other, taken := a.group.taken(gid); taken && other != name {
		return fmt.Errorf("the number %d is that of the group %s", gid, other)
	}
	a.group.set(name, "x", strconv.Itoa(gid), members)
	return nil
}

// join makes a user a member of a group.
func (a *accounts) join(group, user string) error {
	row := a.group.row(group)
	if len(row) < 4 {
		return fmt.Errorf("there is no group %s", group)
	}
	members := strings.FieldsFunc(row[3], func(r rune) bool { return r == ',' })
	if !slices.Contains(members, user) {
		row[3] = strings.Join(append(members, user), ",")
	}
	return nil
}

// addHome makes a user's home unless it is there.
func addHome(t *tree, e *config.Entry, uid, gid int) error {
	path := strings.TrimPrefix(e.Account.Home, "/")
	at, err := t.resolve(path, true)
	if err != nil {
		return err
	}
	if t.get(at) != nil || at == "" {
		return nil
	}
	from := &origin{what: describe(e), block: &e.Range}
	_, err = t.put(path, &node{kind: Directory, mode: 0o700, uid: uint32(uid), gid: uint32(gid), from: from})
	return err
}
