package bundle

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"
	"unicode"

	"github.com/mkmini/mkmini/core/fault"
)

// badError says what is wrong with a bundle.
type badError struct {
	err    error
	remedy string
}

func (e *badError) Error() string { return e.err.Error() }
func (e *badError) Unwrap() error { return e.err }

func damaged(format string, args ...any) error {
	return &badError{fmt.Errorf(format, args...), "Copy the bundle again, and compare its sha256 with the one that `mkmini bundle` printed."}
}

func newer(version int) error {
	return &badError{
		fmt.Errorf("it has the format %d, and this mkmini knows formats up to %d", version, Version),
		"Use a newer mkmini here, or make the bundle with this one.",
	}
}

func otherHost(has, host string) error {
	return &badError{
		fmt.Errorf("its programs run on %q, and this machine is %s", has, host),
		"Make the bundle on a machine of this kind.",
	}
}

func tooLarge(limit int64) error {
	return &badError{fmt.Errorf("it holds more than %d GB", limit/1e9), "Make a bundle for fewer architectures with --only."}
}

// isFull says that a file system has no space left.
func isFull(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }

// isDisk says that the store is at fault, and not what is put there.
func isDisk(err error) bool {
	return isFull(err) || errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) || errors.Is(err, syscall.EIO)
}

// installFault puts the failure to install a bundle into words.
func installFault(file, store string, err error) error {
	var bad *badError
	var told *fault.Error
	switch {
	case errors.As(err, &bad):
		return &fault.Error{
			Step: "unbundle", Summary: "Bundle not usable",
			Detail: fmt.Sprintf("%s is not installed: %s.", file, printable(bad.Error())), Remedy: bad.remedy, Err: err,
		}
	case isFull(err):
		return &fault.Error{
			Step: "unbundle", Summary: "No space left", Detail: fmt.Sprintf("The file system of %s is full: %v.", store, err),
			Remedy: "Free some space there, or choose another folder with --store.", Err: err,
		}
	case errors.As(err, &told):
		return err
	}
	return &fault.Error{
		Step: "unbundle", Summary: "Bundle not installed", Detail: fmt.Sprintf("Installing %s into %s failed: %v.", file, store, err),
		Remedy: "Make that folder writable, or choose another one with --store.", Err: err,
	}
}

// packFault puts the failure to write a bundle into words.
func packFault(file string, err error) error {
	f := &fault.Error{
		Step: "bundle", Summary: "Bundle not written", Detail: fmt.Sprintf("Writing %s failed: %v.", file, err),
		Remedy: "Give another place with -o FILE, or make this one writable.", Err: err,
	}
	if isFull(err) {
		f.Summary, f.Remedy = "No space left", "Free some space there, or give another place with -o FILE."
	}
	return f
}

// printable replaces control characters, which names in archives may hold.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}
