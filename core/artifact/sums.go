package artifact

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/mkmini/mkmini/core/xattr"
)

// SumsSuffix is what the name of a folder's checksums has behind that of the
// folder.
const SumsSuffix = ".sha256sums"

// sumsHeader is the first line of a folder's checksums.
const sumsHeader = "# mkmini folder 1"

// WriteSums writes the checksums of a folder: a text that `sha256sum -c` takes
// within the folder, and that says in comments what else is in it. Each entry
// has a comment with its path in quotes, its type and permissions, the target
// of a link or the number of a device, and its extended attributes; a file has
// a line of sha256sum behind it. Folders come before what is in them, names in
// the order of their bytes. Owners and times have no say, so that a copy of the
// folder has the same checksums.
func WriteSums(ctx context.Context, w io.Writer, dir string) error {
	out := bufio.NewWriter(w)
	fmt.Fprintln(out, sumsHeader)
	err := filepath.WalkDir(dir, func(p string, _ fs.DirEntry, err error) error {
		if err := errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		return writeSums(out, dir, p)
	})
	if err := errors.Join(err, out.Flush()); err != nil {
		return fmt.Errorf("checksums of %s: %w", dir, err)
	}
	return nil
}

// writeSums writes what is said of one entry. Errors of writing stay in out.
func writeSums(out *bufio.Writer, dir, path string) error {
	rel, err := filepath.Rel(dir, path)
	if err != nil {
		return err
	}
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	line, sum := fmt.Sprintf("# %s %v", strconv.QuoteToASCII(filepath.ToSlash(rel)), info.Mode()), ""
	switch mode := info.Mode(); {
	case mode.IsRegular():
		digest, _, err := digestFile(path)
		if err != nil {
			return err
		}
		sum = sumLine(digest, filepath.ToSlash(rel)) + "\n"
	case mode&fs.ModeSymlink != 0:
		target, err := os.Readlink(path)
		if err != nil {
			return err
		}
		line += " " + strconv.QuoteToASCII(target)
	case mode&fs.ModeDevice != 0:
		number, err := device(path)
		if err != nil {
			return err
		}
		line += " " + strconv.Quote(number)
	}
	attributes, err := xattr.Read(path, xattr.Own)
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		line += fmt.Sprintf(" %+q=%+q", name, attributes[name])
	}
	fmt.Fprintf(out, "%s\n%s", line, sum)
	return err
}

// sumLine is a line as sha256sum writes it: it begins with a backslash if
// characters of the name are escaped.
// Source: GNU coreutils manual, "md5sum invocation".
func sumLine(digest, name string) string {
	escaped := strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\r", `\r`).Replace(name)
	if escaped != name {
		digest = `\` + digest
	}
	return digest + "  " + escaped
}

// CompareSums says how a folder differs from the checksums in a file, each
// difference a clause about an entry; there are none if it is the same. Errors
// are of the file, or of reading the folder.
func CompareSums(ctx context.Context, dir, file string) ([]string, error) {
	now := sha256.New()
	if err := WriteSums(ctx, now, dir); err != nil {
		return nil, err
	}
	then, _, err := digestFile(file)
	if err != nil || then == hex.EncodeToString(now.Sum(nil)) {
		return nil, err
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	want, err := parseSums(f)
	if err != nil {
		return nil, err
	}
	r, w := io.Pipe()
	go func() { w.CloseWithError(WriteSums(ctx, w, dir)) }()
	have, err := parseSums(r)
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return differences(want, have), nil
}

func differences(want, have map[string]string) []string {
	var changes []string
	for name, entry := range want {
		switch other, ok := have[name]; {
		case !ok:
			changes = append(changes, name+" is missing")
		case other != entry:
			changes = append(changes, name+" is another one")
		}
	}
	for name := range have {
		if _, ok := want[name]; !ok {
			changes = append(changes, name+" is new")
		}
	}
	slices.Sort(changes)
	return changes
}

// parseSums reads what WriteSums wrote: all that is said of an entry, by its name in
// quotes.
func parseSums(r io.Reader) (map[string]string, error) {
	entries := map[string]string{}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	if !lines.Scan() || lines.Text() != sumsHeader {
		return nil, fmt.Errorf("its first line isn't %q", sumsHeader)
	}
	last := ""
	for number := 2; lines.Scan(); number++ {
		line, isComment := strings.CutPrefix(lines.Text(), "# ")
		if !isComment {
			if last == "" {
				return nil, fmt.Errorf("line %d is about no entry", number)
			}
			entries[last] += "\n" + line
			last = ""
			continue
		}
		name, err := strconv.QuotedPrefix(line)
		if err != nil {
			return nil, fmt.Errorf("line %d names no entry", number)
		}
		if _, ok := entries[name]; ok {
			return nil, fmt.Errorf("line %d is a second one about %s", number, name)
		}
		entries[name], last = line, name
	}
	return entries, lines.Err()
}
