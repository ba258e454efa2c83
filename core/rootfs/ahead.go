package rootfs

import (
	"context"
	"iter"
	"sync"
)

const (
	// smallContent is up to how many bytes content is read ahead.
	smallContent = 64 << 10
	// aheadReaders is how many contents are read at a time: a disk answers many
	// questions at once faster than one after the other.
	aheadReaders = 4
	// aheadLength is how many values may be on their way, which bounds the
	// memory for their contents to some 5 MB.
	aheadLength = 64
)

// loaded is small content that was read.
type loaded struct {
	content Content
	buffer  [smallContent + 1]byte
	size    int
	err     error
	// ready has a value when the content was read.
	ready chan struct{}
}

// ahead goes through values in their order. The contents of small files are
// read before their turn comes, and come along; all others are nil. When the
// context is done it ends early, so whoever goes through it asks the context
// in the end.
func ahead[T any](ctx context.Context, values iter.Seq[T], content func(T) Content) iter.Seq2[T, *loaded] {
	return func(yield func(T, *loaded) bool) {
		type slot struct {
			value  T
			loaded *loaded
		}
		ctx, cancel := context.WithCancel(ctx)
		order, work := make(chan slot, aheadLength), make(chan *loaded, aheadLength)
		spare := sync.Pool{New: func() any { return &loaded{ready: make(chan struct{}, 1)} }}
		var running sync.WaitGroup
		defer running.Wait()
		defer cancel()
		running.Go(func() {
			defer close(order)
			defer close(work)
			for v := range values {
				s := slot{value: v}
				if c := content(v); c.Path != "" && c.Size <= smallContent {
					s.loaded = spare.Get().(*loaded)
					s.loaded.content = c
					if !send(ctx, work, s.loaded) {
						return
					}
				}
				if !send(ctx, order, s) {
					return
				}
			}
		})
		for range aheadReaders {
			running.Go(func() {
				for l := range work {
					l.size, l.err = l.content.load(l.buffer[:])
					l.ready <- struct{}{}
				}
			})
		}
		for s := range order {
			if s.loaded != nil {
				<-s.loaded.ready
			}
			if !yield(s.value, s.loaded) {
				return
			}
			if s.loaded != nil {
				spare.Put(s.loaded)
			}
		}
	}
}

// send sends a value unless the context is done.
func send[T any](ctx context.Context, to chan<- T, value T) bool {
	select {
	case to <- value:
		return true
	case <-ctx.Done():
		return false
	}
}
