package signing

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"
	"unicode"

	"aead.dev/minisign"
)

// Suffix is what the name of a signature has behind that of the file.
const Suffix = ".minisig"

// Signature is a signature of minisign that was read. Nothing in it is true
// before it was verified.
type Signature struct {
	s    minisign.Signature
	text []byte
}

// The reasons why a signature doesn't hold.
var (
	// ErrNoSignature says that a text is no signature.
	ErrNoSignature = errors.New("it is no signature of minisign")
	// ErrOtherKey says that another key made the signature.
	ErrOtherKey = errors.New("another key made it")
	// ErrLegacy says that the signature is of the old kind, whose files have
	// to be in memory.
	ErrLegacy = errors.New("it is of minisign's old kind, of files that were not hashed before")
	// ErrChanged says that the file isn't what was signed, or that the
	// signature was changed.
	ErrChanged = errors.New("it is not of what is there")
)

// ParseSignature reads a signature.
func ParseSignature(text []byte) (Signature, error) {
	s := Signature{text: text}
	if len(text) > maxKey || s.s.UnmarshalText(text) != nil {
		return Signature{}, ErrNoSignature
	}
	return s, nil
}

// KeyID is the number of the key that made the signature, as it says.
func (s Signature) KeyID() string { return KeyID(s.s.KeyID) }

// Comment is the trusted comment, which is signed.
func (s Signature) Comment() string { return s.s.TrustedComment }

// Verify reads what was signed, and compares it with the signature.
func (s Signature) Verify(r io.Reader, key PublicKey) error {
	switch {
	case s.s.KeyID != key.key.ID():
		return ErrOtherKey
	case s.s.Algorithm != minisign.HashEdDSA:
		return ErrLegacy
	}
	m := minisign.NewReader(r)
	if _, err := io.Copy(io.Discard, m); err != nil {
		return err
	}
	if !m.Verify(key.key, s.text) {
		return ErrChanged
	}
	return nil
}

// VerifyText verifies a signature of either kind over a text.
func (s Signature) VerifyText(text []byte, key PublicKey) error {
	switch {
	case s.s.KeyID != key.key.ID():
		return ErrOtherKey
	case !minisign.Verify(key.key, text, s.text):
		return ErrChanged
	}
	return nil
}

// Sign returns a signature over what r holds, with a trusted comment. The same
// gives the same signature.
func (k PrivateKey) Sign(r io.Reader, comment string) ([]byte, error) {
	if strings.ContainsAny(comment, "\r\n") {
		return nil, fmt.Errorf("the comment %q has more than one line", comment)
	}
	m := minisign.NewReader(r)
	if _, err := io.Copy(io.Discard, m); err != nil {
		return nil, err
	}
	return m.SignWithComments(k.key, comment, "signature from mkmini, key "+k.ID()), nil
}

// Comment is the trusted comment that a file's signature gets: its name, and no
// time, so that the same file gets the same signature.
func Comment(path string) string {
	name := filepath.Base(path)
	if strings.ContainsFunc(name, func(r rune) bool { return unicode.IsControl(r) || r == unicode.ReplacementChar }) {
		name = strconv.QuoteToASCII(name)
	}
	return "file:" + name + "\thashed"
}
