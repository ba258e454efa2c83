package rootfs

import (
	"context"
	"iter"
	"sync"
)

const (
	// aheadLength is how many values are on their way together, and aheadParts
	// how many times that, which bounds the memory for their contents to some
	// 6 MB.
	aheadLength = 16
	aheadParts  = 4
)

// loaded is small content that was read.
type loaded struct {
	content Content
	buffer  [smallContent + 1]byte
	// data is what was read.
	data []byte
	err  error
	// ready has a value when the content was read.
	ready chan struct{}
}

// ahead goes through values in their order. The contents of small files come
// along; all others are nil. Those in files of their own are read before their
// turn comes, those in a file with others when it does. When the context is
// done it ends early, so whoever goes through it asks the context in the end.
func ahead[T any](ctx context.Context, values iter.Seq[T], content func(T) Content) iter.Seq2[T, *loaded] {
	return func(yield func(T, *loaded) bool) {
		type slot struct {
			value  T
			loaded *loaded
		}
		ctx, cancel := context.WithCancel(ctx)
		order, work := make(chan []slot, aheadParts), make(chan *loaded, aheadLength)
		spare := sync.Pool{New: func() any { return &loaded{ready: make(chan struct{}, 1)} }}
		shared := newWindows()
		defer shared.close()
		var running sync.WaitGroup
		defer running.Wait()
		defer cancel()
		running.Go(func() {
			defer close(order)
			defer close(work)
			part := make([]slot, 0, aheadLength)
			for v := range values {
				s := slot{value: v}
				if c := content(v); c.isSmall() && !c.isPart() {
					s.loaded = spare.Get().(*loaded)
					s.loaded.content = c
					if !send(ctx, work, s.loaded) {
						return
					}
				}
				if part = append(part, s); len(part) == cap(part) {
					if !send(ctx, order, part) {
						return
					}
					part = make([]slot, 0, aheadLength)
				}
			}
			send(ctx, order, part)
		})
		for range aheadReaders {
			running.Go(func() {
				for l := range work {
					n, err := l.content.load(l.buffer[:])
					l.data, l.err = l.buffer[:n], err
					l.ready <- struct{}{}
				}
			})
		}
		for part := range order {
			for _, s := range part {
				l := s.loaded
				if l != nil {
					<-l.ready
				} else if c := content(s.value); c.isSmall() && c.isPart() {
					l = shared.load(c)
				}
				if !yield(s.value, l) {
					return
				}
				if s.loaded != nil {
					spare.Put(s.loaded)
				}
			}
		}
	}
}

// isSmall says that content on disk is small.
func (c Content) isSmall() bool { return c.Path != "" && c.Size <= smallContent }

// isPart says that content is in a file with others.
func (c Content) isPart() bool { return c.File != nil || c.Offset > 0 }

// send sends a value unless the context is done.
func send[T any](ctx context.Context, to chan<- T, value T) bool {
	select {
	case to <- value:
		return true
	case <-ctx.Done():
		return false
	}
}
