// Package cancel ends what would go on for long when its context is done.
package cancel

import (
	"context"
	"io"
)

// Reader returns a reader of what r has that fails with the context's error
// once the context is done. It asks before each read: one that has begun goes
// on.
func Reader(ctx context.Context, r io.Reader) io.Reader { return reader{ctx, r} }

type reader struct {
	ctx context.Context
	r   io.Reader
}

func (c reader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
