package rootfs

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"
)

// limited takes so many writes, and then fails.
type limited struct {
	bytes.Buffer
	left int
}

var errLimit = errors.New("the limit")

func (l *limited) Write(p []byte) (int, error) {
	if l.left--; l.left < 0 {
		return 0, errLimit
	}
	return l.Buffer.Write(p)
}

func TestBehind(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	for _, left := range []int{0, 1, 7, 1000} {
		to := &limited{left: left}
		out := newBehind(to)
		var want []byte
		var failed error
		piece := make([]byte, 5000)
		for n := range 100 {
			for i := range piece {
				piece[i] = byte(random.Uint32())
			}
			part := piece[:random.IntN(len(piece))]
			if n < left {
				want = append(want, part...)
			}
			if _, err := out.Write(part); err != nil {
				failed = err
				break
			}
			clear(piece) // which is the caller's again
		}
		err := out.Close()
		if full := left < 100; full != errors.Is(err, errLimit) || failed != nil && !full {
			t.Errorf("%d writes: %v, in the end %v", left, failed, err)
		}
		if !bytes.Equal(to.Bytes(), want[:to.Len()]) || err == nil && to.Len() != len(want) {
			t.Errorf("%d writes: %d of %d bytes, or others", left, to.Len(), len(want))
		}
	}
}

// TestBehindStops tells of an error while there is more to write.
func TestBehindStops(t *testing.T) {
	t.Parallel()
	out := newBehind(&limited{})
	for {
		if _, err := out.Write([]byte("x")); err != nil {
			break
		}
	}
	if err := out.Close(); !errors.Is(err, errLimit) {
		t.Error(err)
	}
}
