package artifact

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"github.com/mkmini/mkmini/plugins/sdk"
)

// Explain makes diagnostics of errors that the user can mend, such as a full
// disk. Other errors, and diagnostics, are returned as they are.
func Explain(name string, err error) error {
	if list, ok := errors.AsType[sdk.Diagnostics](err); ok {
		return list // without the names of files around it
	}
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	d := sdk.Diagnostic{Severity: sdk.Error, Detail: fmt.Sprintf("While writing %s: %v.", name, err)}
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		d.Summary = "No space left"
		d.Remedy = "Free space on the file systems of the output folder and of the store, and run mkmini again."
	case errors.Is(err, syscall.EFBIG):
		d.Summary = "File too large"
		d.Remedy = "Raise the limit for the size of files (`ulimit -f`), or write to another file system."
	case errors.Is(err, syscall.EROFS), errors.Is(err, fs.ErrPermission):
		d.Summary = "Output folder not writable"
		d.Remedy = "Give another folder with --out, or make this one writable."
	default:
		return err
	}
	return sdk.Diagnostics{d}
}

// Quiet returns progress, or if it is nil one that does nothing.
func Quiet(progress sdk.Progress) sdk.Progress {
	if progress == nil {
		return func(sdk.Report) {}
	}
	return progress
}
