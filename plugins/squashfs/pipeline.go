package squashfs

import "sync"

// block is a block on its way: filled by the one who reads, compressed by one of
// several, and written by the one who writes.
type block struct {
	plain []byte
	// out is what is to be written, and packed says that it is compressed.
	out    []byte
	packed bool
	err    error
	// done has a value when the block is compressed.
	done chan struct{}
}

// pipeline compresses blocks on several processors, and writes them in the
// order in which they came. What must be done in that order too goes through it
// as well.
type pipeline struct {
	// free are the blocks that nobody has, and jobs those to be compressed.
	free, jobs chan *block
	// steps are what the one who writes does.
	steps chan func() error
	// failed is closed when a step failed, with err.
	failed  chan struct{}
	err     error
	running sync.WaitGroup
}

// stepsAhead is how many steps may wait.
const stepsAhead = 1024

// newPipeline starts a pipeline with that many codecs.
func newPipeline(m method, jobs int) (*pipeline, error) {
	blocks := 2*jobs + 2
	p := &pipeline{
		free: make(chan *block, blocks), jobs: make(chan *block, blocks),
		steps: make(chan func() error, stepsAhead), failed: make(chan struct{}),
	}
	codecs := make([]codec, jobs)
	for i := range codecs {
		var err error
		if codecs[i], err = m.make(); err != nil {
			return nil, err
		}
	}
	for range blocks {
		p.free <- &block{plain: make([]byte, 0, BlockSize), out: make([]byte, 0, BlockSize+BlockSize/8), done: make(chan struct{}, 1)}
	}
	for _, c := range codecs {
		p.running.Go(func() {
			for b := range p.jobs {
				b.out, b.packed, b.err = pack(c, b.out[:0], b.plain)
				b.done <- struct{}{}
			}
		})
	}
	p.running.Go(p.write)
	return p, nil
}

// write takes the steps, up to the first that fails.
func (p *pipeline) write() {
	for step := range p.steps {
		if err := step(); err != nil {
			p.err = err
			close(p.failed)
			return
		}
	}
}

// take returns an empty block, as soon as there is one.
func (p *pipeline) take() (*block, error) {
	select {
	case b := <-p.free:
		b.plain = b.plain[:0]
		return b, nil
	case <-p.failed:
		return nil, p.err
	}
}

// pack has a block compressed, and then written by a step.
func (p *pipeline) pack(b *block, write func(b *block) error) error {
	p.jobs <- b // there is room for all of them
	return p.do(func() error {
		<-b.done
		if b.err != nil {
			return b.err
		}
		err := write(b)
		p.free <- b
		return err
	})
}

// do adds a step.
func (p *pipeline) do(step func() error) error {
	select {
	case p.steps <- step:
		return nil
	case <-p.failed:
		return p.err
	}
}

// close waits for all that is on its way, and returns the error of a step.
func (p *pipeline) close() error {
	close(p.jobs)
	close(p.steps)
	p.running.Wait()
	return p.err
}
