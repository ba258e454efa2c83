package gcc

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/mkmini/mkmini/plugins/sdk"
)

// c99Source has what busybox takes from C99 and from GNU's additions to it.
const c99Source = `#include <stdbool.h>
#include <stdint.h>
#define first(x, ...) (x)
struct pair { int a; long long b; };
static inline int sum(int n, const int *restrict v)
{
	int total = 0; // of all
	for (int i = 0; i < n; i++)
		total += v[i];
	uint64_t later = UINT64_C(1) << 40;
	return total + (later == 0);
}
bool test(void)
{
	struct pair p = { .b = 2, .a = 1 };
	int v[] = { [1] = 3 };
	typeof(p.a) n = ({ first(p.a, p.b); });
	return sum(n, v) != 0;
}
`

// c99 says whether the compiler knows the language that busybox is in.
func (p *probe) c99(ctx context.Context) finding {
	err := p.accepts(ctx, "c99", c99Source, "-std=gnu99")
	if err == nil {
		return ok("c99", "works")
	}
	return fail("c99", "is missing", sdk.Diagnostic{
		Summary: "Compiler knows no C99",
		Detail:  fmt.Sprintf("%s fails to compile a piece of C99 with GNU's additions, which busybox is written in.", p.cc),
		Remedy:  "Use a newer compiler: gcc has had them since 4.3.",
		Excerpt: excerpt(err),
	})
}

// largeFilesSource compiles if files may be larger than 2 GiB.
const largeFilesSource = `#include <sys/types.h>
#include <sys/stat.h>
extern char enough[sizeof(off_t) >= 8 && sizeof(((struct stat *)0)->st_size) >= 8 ? 1 : -1];
`

// largeFiles says whether the C library can take files of more than 2 GiB.
func (p *probe) largeFiles(ctx context.Context) finding {
	if p.accepts(ctx, "large", largeFilesSource, "-D_FILE_OFFSET_BITS=64") == nil {
		return ok("large_files", "more than 2 GiB")
	}
	return finding{fact: sdk.Fact{Name: "large_files", Value: "2 GiB at most", Status: sdk.Warn,
		Remedy: "Set LFS = false in `set` of the busybox block, which else does not compile, or use a newer C library."}}
}

// accepts checks a source without compiling it to the end.
func (p *probe) accepts(ctx context.Context, name, source string, options ...string) error {
	file := filepath.Join(p.dir, name+".c")
	if err := os.WriteFile(file, []byte(source), 0o644); err != nil {
		return err
	}
	_, err := p.output(ctx, p.cc, slices.Concat(p.flags.compile, options, []string{"-fsyntax-only", file})...)
	return err
}
