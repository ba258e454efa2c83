package rootfs

import (
	"io"
	"sync"
)

// behindParts is how many pieces wait to be written at a time.
const behindParts = 2

// behind writes to another writer in the background, in the order of the
// writes, so that whoever writes can go on with the next piece.
type behind struct {
	to      io.Writer
	parts   chan []byte
	spare   chan []byte
	running sync.WaitGroup
	// failed is closed at the first error, which err is.
	failed chan struct{}
	err    error
}

// newBehind starts to write. Close must be called in the end.
func newBehind(to io.Writer) *behind {
	b := &behind{to: to, parts: make(chan []byte, behindParts), spare: make(chan []byte, behindParts), failed: make(chan struct{})}
	for range behindParts {
		b.spare <- nil
	}
	b.running.Go(b.run)
	return b
}

func (b *behind) run() {
	for part := range b.parts {
		if b.err == nil {
			if _, b.err = b.to.Write(part); b.err != nil {
				close(b.failed)
			}
		}
		b.spare <- part
	}
}

// Write takes a copy. An error is that of an earlier write.
func (b *behind) Write(p []byte) (int, error) {
	part := <-b.spare
	select {
	case <-b.failed:
		b.spare <- part
		return 0, b.err
	default:
	}
	b.parts <- append(part[:0], p...)
	return len(p), nil
}

// Close waits until all is written, and returns the first error.
func (b *behind) Close() error {
	close(b.parts)
	b.running.Wait()
	return b.err
}
