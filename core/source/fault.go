package source

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"github.com/mkmini/mkmini/core/fault"
)

// diskError is a failure of the disk that is written to, which no other
// place to fetch from would cure.
type diskError struct{ err error }

func (e *diskError) Error() string { return e.err.Error() }
func (e *diskError) Unwrap() error { return e.err }

func badHash(req Request) *fault.Error {
	return &fault.Error{
		Step:    "fetch " + req.Name,
		Summary: "Invalid sha256",
		Detail:  fmt.Sprintf("%q is not 64 hexadecimal digits.", req.SHA256),
		Remedy:  "Give the output of sha256sum on a file that you trust.",
		Usage:   true,
	}
}

// failure is the error after every place was tried.
func (j *job) failure(tried []attempt) *fault.Error {
	e := &fault.Error{Step: "fetch " + j.req.Name, Summary: "Source not found"}
	var errs []error
	skipped := 0
	for _, a := range tried {
		e.Excerpt = append(e.Excerpt, a.place+": "+a.err.Error())
		errs = append(errs, fmt.Errorf("%s: %w", a.place, a.err))
		if errors.Is(a.err, ErrOffline) {
			skipped++
		}
	}
	e.Err = errors.Join(errs...)
	byHand := fmt.Sprintf("download the file with the sha256 %s elsewhere and name it with file = \"…\"", j.sha256)
	switch {
	case len(tried) == 0:
		e.Detail = "It is not in the store and no place to fetch it from is known."
		e.Remedy = "Set urls, or " + byHand + "."
		e.Usage = true
	case skipped > 0:
		e.Detail = "It is not in the store and the network is off."
		e.Remedy = "Run again without --offline, or " + byHand + "."
	default:
		e.Detail = fmt.Sprintf("None of the %d places tried has the file with the sha256 %s.", len(tried), j.sha256)
		e.Remedy = "Set urls to a mirror that you can reach, or " + byHand + "."
	}
	return e
}

// fileFault is the error of a given local file.
func (j *job) fileFault(err error) *fault.Error {
	e := &fault.Error{
		Step:    "fetch " + j.req.Name,
		Summary: "File not usable",
		Detail:  fmt.Sprintf("The file %s cannot be read: %v.", j.req.File, err),
		Remedy:  "Correct the path, or leave file out to have it downloaded.",
		Usage:   true,
		Err:     err,
	}
	var wrong *mismatchError
	switch {
	case errors.As(err, &wrong):
		e.Summary = "File has another hash"
		e.Detail = fmt.Sprintf("The file %s has the sha256 %s, but %s is wanted.", j.req.File, wrong.got, wrong.want)
		e.Remedy = "Give the file that belongs to this version, or correct sha256 if you trust this one."
	case errors.Is(err, fs.ErrNotExist):
		e.Summary = "File not found"
		e.Detail = fmt.Sprintf("There is no file %s.", j.req.File)
	}
	return e
}

func (j *job) diskFault(err error) *fault.Error {
	return diskFault("fetch "+j.req.Name, j.dir, err)
}

// diskFault is the error of a folder that cannot be written.
func diskFault(step, dir string, err error) *fault.Error {
	e := &fault.Error{
		Step:    step,
		Summary: "Folder not writable",
		Detail:  fmt.Sprintf("Writing in %s failed: %v.", dir, err),
		Remedy:  "Make that folder writable, or choose another one with --store.",
		Err:     err,
	}
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		e.Summary = "No space left"
		e.Detail = fmt.Sprintf("The file system of %s is full: %v.", dir, err)
		e.Remedy = "Free some space there, or choose another folder with --store."
	}
	return e
}
