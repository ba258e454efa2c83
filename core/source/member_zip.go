package source

import (
	"archive/zip"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
)

// zip reads a zip archive.
func (m *members) zip(ctx context.Context, in *os.File) error {
	info, err := in.Stat()
	if err != nil {
		return fmt.Errorf("read the archive: %w", err)
	}
	archive, err := zip.NewReader(in, info.Size())
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		return fmt.Errorf("read the archive: %w", err)
	}
	for _, file := range archive.File {
		if err := m.zipEntry(ctx, file); err != nil {
			return fmt.Errorf("entry %.300q: %w", file.Name, err)
		}
	}
	return nil
}

func (m *members) zipEntry(ctx context.Context, file *zip.File) (err error) {
	one, err := zipMember(file)
	if err != nil {
		return err
	}
	if one.Type != 0 && one.Type != fs.ModeSymlink {
		return m.add(ctx, one, strings.NewReader(""))
	}
	if one.Size > m.limits.Bytes-m.bytes {
		return errTooLarge
	}
	r, err := file.Open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	if one.Type == 0 {
		if err := m.add(ctx, one, r); err != nil {
			return err
		}
		// The checksum is compared at the end.
		extra, err := io.Copy(io.Discard, r)
		if err == nil && extra > 0 {
			err = errors.New("it has more content than its header says")
		}
		return err
	}
	target, err := io.ReadAll(io.LimitReader(r, maxTarget+1))
	if err != nil {
		return err
	}
	one.Target, one.Size = string(target), 0
	return m.add(ctx, one, strings.NewReader(""))
}

// madeOnUnix is the upper byte of "version made by", and encrypted a flag.
// Source: PKWARE, APPNOTE.TXT, 4.4.2 and 4.4.4.
const (
	madeOnUnix = 3
	encrypted  = 1
)

// zipMember converts a header. What wasn't made on Unix has no modes.
func zipMember(file *zip.File) (Member, error) {
	m := Member{Mode: 0o644, Offset: -1, Size: int64(min(file.UncompressedSize64, 1<<62))}
	if file.Flags&encrypted != 0 {
		return m, errors.New("it is encrypted")
	}
	var err error
	if m.Name, err = memberName(file.Name); err != nil {
		return m, err
	}
	if strings.HasSuffix(file.Name, "/") {
		m.Type, m.Mode = fs.ModeDir, 0o755
	}
	if bits := file.ExternalAttrs >> 16; file.CreatorVersion>>8 == madeOnUnix && bits != 0 {
		m.Mode = bits & 0o7777
		switch kind := file.Mode().Type(); kind {
		case 0, fs.ModeDir, fs.ModeSymlink:
			m.Type = kind
		default:
			return m, errKind
		}
	}
	if m.Type == fs.ModeDir {
		m.Size = 0
	}
	m.UID, m.GID = zipOwner(file.Extra)
	return m, nil
}

// zipOwner reads Info-ZIP's field of owner and group, "ux", of four bytes each;
// 0 and 0 if there is none. Source: Info-ZIP, extrafld.txt.
func zipOwner(extra []byte) (uid, gid int64) {
	for len(extra) >= 4 {
		id, size := string(extra[:2]), int(binary.LittleEndian.Uint16(extra[2:]))
		if extra = extra[4:]; size > len(extra) {
			break
		}
		if field := extra[:size]; id == "ux" && size == 11 && field[0] == 1 && field[1] == 4 && field[6] == 4 {
			return int64(binary.LittleEndian.Uint32(field[2:])), int64(binary.LittleEndian.Uint32(field[7:]))
		}
		extra = extra[size:]
	}
	return 0, 0
}
