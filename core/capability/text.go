package capability

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// UnknownError says that there is no capability of a name.
type UnknownError struct{ Name string }

func (e *UnknownError) Error() string { return fmt.Sprintf("there is no capability %q", e.Name) }

// flags are the three sets of a capability, while text is read.
type flags struct{ effective, permitted, inheritable uint64 }

// Parse reads capabilities as setcap takes them, and cap_to_text(3) and getcap
// write them: "cap_net_raw+ep", "cap_chown,cap_fowner=ep cap_kill+i". "all", or
// no name before "=", stands for all that are known here, whatever the kernel
// at hand knows. At the end there may be "[rootid=N]", as getcap -n has it.
//
// A file has one bit for all that is effective; so those that are must be the
// same as those that are permitted or inheritable.
func Parse(text string) (Set, error) {
	words := strings.Fields(text)
	root, words, err := rootID(words)
	if err != nil {
		return Set{}, err
	}
	if len(words) == 0 {
		return Set{}, errors.New("it is empty")
	}
	var f flags
	for _, clause := range words {
		if err := f.apply(clause); err != nil {
			return Set{}, err
		}
	}
	s := Set{Permitted: f.permitted, Inheritable: f.inheritable, Effective: f.effective != 0, Root: root}
	switch granted := f.permitted | f.inheritable; {
	case f.effective&^granted != 0:
		return Set{}, fmt.Errorf("%s would be effective but neither permitted nor inheritable: write \"ep\"", list(f.effective&^granted))
	case f.effective != 0 && f.effective != granted:
		return Set{}, fmt.Errorf("either all or none of a file's capabilities are effective, and %s would not be: write \"ep\" for all", list(granted&^f.effective))
	}
	return s, nil
}

// rootID takes "[rootid=N]" off the end.
func rootID(words []string) (uint32, []string, error) {
	if len(words) == 0 || !strings.HasPrefix(words[len(words)-1], "[") {
		return 0, words, nil
	}
	last := words[len(words)-1]
	digits, ok := strings.CutPrefix(strings.TrimSuffix(last, "]"), "[rootid=")
	id, err := strconv.ParseUint(digits, 10, 32)
	if !ok || !strings.HasSuffix(last, "]") || err != nil || id == 1<<32-1 {
		return 0, nil, fmt.Errorf("%q is not like [rootid=1000]", last)
	}
	return uint32(id), words[:len(words)-1], nil
}

// apply applies one clause: names, and then operators each with flags.
func (f *flags) apply(clause string) error {
	at := strings.IndexAny(clause, "=+-")
	if at < 0 {
		return fmt.Errorf("%q has no \"=\", \"+\" or \"-\" behind the names, such as in \"cap_net_raw+ep\"", clause)
	}
	bits, err := parseNames(clause[:at])
	if err != nil {
		return err
	}
	for i, rest := 0, clause[at:]; rest != ""; i++ {
		operator := rest[0]
		letters := rest[1:]
		if end := strings.IndexAny(letters, "=+-"); end >= 0 {
			letters = letters[:end]
		}
		rest = rest[1+len(letters):]
		switch {
		case strings.Trim(letters, "epi") != "":
			return fmt.Errorf("%q in %q are no flags: \"e\" is effective, \"p\" permitted, \"i\" inheritable", letters, clause)
		case operator == '=' && i > 0:
			return fmt.Errorf("in %q \"=\" comes after another operator", clause)
		case operator != '=' && (letters == "" || at == 0):
			return fmt.Errorf("in %q \"%c\" lacks names before it or flags behind it", clause, operator)
		}
		f.set(bits, operator, letters)
	}
	return nil
}

// set raises or lowers what the letters say. "=" lowers all others.
func (f *flags) set(bits uint64, operator byte, letters string) {
	for letter, set := range map[string]*uint64{"e": &f.effective, "p": &f.permitted, "i": &f.inheritable} {
		named := strings.Contains(letters, letter)
		switch {
		case operator != '-' && named:
			*set |= bits
		case operator == '=' || named:
			*set &^= bits
		}
	}
}

// parseNames reads the names of a clause; none are all.
func parseNames(text string) (bits uint64, err error) {
	if text == "" {
		return all, nil
	}
	for one := range strings.SplitSeq(text, ",") {
		bit, err := parseName(one)
		if err != nil {
			return 0, err
		}
		bits |= bit
	}
	return bits, nil
}

// parseName reads a name or a number, whose case doesn't matter.
func parseName(one string) (uint64, error) {
	lower := strings.ToLower(one)
	if lower == "all" {
		return all, nil
	}
	if base, ok := strings.CutPrefix(lower, "cap_"); ok {
		if n := slices.Index(names, base); n >= 0 {
			return 1 << n, nil
		}
	}
	if n, err := strconv.ParseUint(one, 10, 6); err == nil && n < 64 {
		return 1 << n, nil
	}
	return 0, &UnknownError{Name: one}
}

// String returns the set as Parse reads it, "=e" excepted, for what is
// effective but nothing. The same sets have the same text.
func (s Set) String() string {
	both := s.Permitted & s.Inheritable
	var clauses []string
	for _, group := range []struct {
		bits    uint64
		letters string
	}{{both, "ip"}, {s.Permitted &^ both, "p"}, {s.Inheritable &^ both, "i"}} {
		letters := group.letters
		if s.Effective {
			letters = "e" + letters
		}
		switch group.bits {
		case 0:
		case all:
			clauses = append(clauses, "all="+letters)
		default:
			clauses = append(clauses, list(group.bits)+"="+letters)
		}
	}
	switch {
	case len(clauses) == 0 && s.Effective:
		clauses = []string{"=e"}
	case len(clauses) == 0:
		clauses = []string{"="}
	}
	if s.Root != 0 {
		clauses = append(clauses, fmt.Sprintf("[rootid=%d]", s.Root))
	}
	return strings.Join(clauses, " ")
}

// list returns names in the order of their numbers.
func list(bits uint64) string {
	var list []string
	for n := range 64 {
		if bits&(1<<n) != 0 {
			list = append(list, name(n))
		}
	}
	return strings.Join(list, ",")
}
