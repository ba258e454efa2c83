package inspect

import (
	"archive/zip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// zip adds the entries of a zip archive. Modes and owners are there if it was
// made on Unix; a file with several names is several files.
func (s *scanner) zip(f *os.File, t *tree) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	archive, err := zip.NewReader(f, info.Size())
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		return err
	}
	for _, file := range archive.File {
		if err := s.zipEntry(file, t); err != nil {
			return fmt.Errorf("entry %s: %w", quoted(file.Name), err)
		}
	}
	return nil
}

// madeOnUnix is the upper byte of "version made by".
// Source: PKWARE, APPNOTE.TXT, 4.4.2.
const madeOnUnix = 3

func (s *scanner) zipEntry(file *zip.File, t *tree) error {
	if err := s.done(); err != nil {
		return err
	}
	e := &Entry{Type: File, Mode: 0o644, ModTime: file.Modified.Unix()}
	if strings.HasSuffix(file.Name, "/") {
		e.Type, e.Mode = Folder, 0o755
	}
	if mode := file.ExternalAttrs >> 16; file.CreatorVersion>>8 == madeOnUnix && mode != 0 {
		e.Mode = mode & 0o7777
		if kind, ok := fileTypes[mode&0o170000]; ok {
			e.Type = kind
		}
	}
	e.UID, e.GID = zipOwner(file.Extra)
	if e.Type != File && e.Type != Symlink {
		return t.put(file.Name, e)
	}
	r, err := file.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	content := &capped{r, s}
	if e.Type == File {
		err = s.content(content, e)
	} else {
		var target []byte
		if target, err = io.ReadAll(io.LimitReader(content, maxPath+1)); len(target) > maxPath {
			err = fmt.Errorf("the symlink's target has more than %d bytes", maxPath)
		}
		e.Target = string(target)
	}
	if err != nil {
		return err
	}
	return t.put(file.Name, e)
}

// zipOwner reads Info-ZIP's field of owner and group, "ux", of up to four
// bytes each; 0 and 0 if there is none.
// Source: Info-ZIP, extrafld.txt.
func zipOwner(extra []byte) (uid, gid int) {
	for len(extra) >= 4 {
		id, size := string(extra[:2]), int(binary.LittleEndian.Uint16(extra[2:]))
		if extra = extra[4:]; size > len(extra) {
			return 0, 0
		}
		field := extra[:size]
		extra = extra[size:]
		if id == "ux" && size == 11 && field[0] == 1 && field[1] == 4 && field[6] == 4 {
			return int(binary.LittleEndian.Uint32(field[2:])), int(binary.LittleEndian.Uint32(field[7:]))
		}
	}
	return 0, 0
}
