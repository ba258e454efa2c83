package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
)

// perFolder is how many names are in one folder of the tree of many.
const perFolder = 500

// manyTree makes a folder with so many entries below it: small files, one
// symlink in ten, and the folders that hold them.
func manyTree(ctx context.Context, dir string, entries int) error {
	random := rand.New(rand.NewPCG(1, 2))
	words := make([]byte, 400)
	for made := 0; made < entries; {
		if err := ctx.Err(); err != nil {
			return err
		}
		number := made / perFolder
		folder := filepath.Join(dir, "data", fmt.Sprintf("%03d", number/100), fmt.Sprintf("package-%02d", number%100))
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return err
		}
		for i := range min(perFolder, entries-made) {
			made++
			name := filepath.Join(folder, fmt.Sprintf("file-%d-%d.txt", i, random.Uint32()))
			if i%10 == 9 {
				if err := os.Symlink(fmt.Sprintf("../package-%02d", i%100), name); err != nil {
					return err
				}
				continue
			}
			fillText(words, random)
			if err := os.WriteFile(name, words[:random.IntN(len(words))], 0o644); err != nil {
				return err
			}
		}
	}
	return nil
}

// fileSize is the length of each file but the last of the tree of large ones.
const fileSize = 512 << 20

// largeTree makes a folder with files of so many bytes together: text, noise
// that doesn't compress, and from time to time a hole.
func largeTree(ctx context.Context, dir string, size int64) error {
	if err := os.MkdirAll(filepath.Join(dir, "data"), 0o755); err != nil {
		return err
	}
	for i := 0; size > 0; i++ {
		length := min(size, fileSize)
		size -= length
		if err := largeFile(ctx, filepath.Join(dir, "data", fmt.Sprintf("large-%03d.bin", i)), length, uint64(i)); err != nil {
			return err
		}
	}
	return nil
}

// piece is the unit of a large file.
const piece = 1 << 20

// largeFile makes one file: of ten pieces five are text, four noise, and one
// a hole.
func largeFile(ctx context.Context, name string, length int64, seed uint64) error {
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := file.Truncate(length); err != nil {
		return err
	}
	random := rand.New(rand.NewPCG(seed, 3))
	out := bufio.NewWriterSize(file, piece)
	buffer := make([]byte, piece)
	for at := int64(0); at < length; at += piece {
		if err := ctx.Err(); err != nil {
			return err
		}
		switch n := at / piece % 10; {
		case n == 9:
			if err := out.Flush(); err != nil {
				return err
			}
			if _, err := file.Seek(min(length, at+piece), 0); err != nil {
				return err
			}
			continue
		case n%2 == 0:
			fillText(buffer, random)
		default:
			fillNoise(buffer, random)
		}
		if _, err := out.Write(buffer[:min(piece, length-at)]); err != nil {
			return err
		}
	}
	return out.Flush()
}

// fillNoise fills a piece with what doesn't compress.
func fillNoise(b []byte, random *rand.Rand) {
	for i := 0; i+8 <= len(b); i += 8 {
		binary.LittleEndian.PutUint64(b[i:], random.Uint64())
	}
}

// vocabulary is what text is made of.
var vocabulary = []string{
	"root ", "file ", "system ", "kernel ", "image ", "layer ", "archive ", "the ", "of ", "and ", "a ", "to ",
	"static ", "library ", "compiler ", "busybox ", "inode ", "block ", "entry\n", "folder\n", "device\n", "owner\n",
}

// fillText fills a piece with words and numbers.
func fillText(b []byte, random *rand.Rand) {
	for at := 0; at < len(b); {
		r := random.Uint64()
		if r%8 == 0 {
			at += copy(b[at:], fmt.Sprintf("%d ", r>>40))
			continue
		}
		at += copy(b[at:], vocabulary[r>>8%uint64(len(vocabulary))])
	}
}
