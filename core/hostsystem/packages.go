package hostsystem

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
)

// database is what a package manager knows of a root.
type database interface {
	// find returns the installed package of a name, perhaps with an
	// architecture behind a colon or a dot; "" if there is none.
	find(name string) (id string)
	// names returns the names of all packages.
	names() []string
	// ids returns all packages, sorted, and describe what one is.
	ids() []string
	describe(id string) Package
	// depends returns the packages that one needs.
	depends(id string) []string
	// files returns the absolute paths of a package's files.
	files(id string) ([]string, error)
}

// databases returns those of the root.
func (s *selection) databases(ctx context.Context) ([]database, error) {
	var list []database
	dpkg, err := openDpkg(s)
	if err != nil {
		return nil, err
	}
	if dpkg != nil {
		list = append(list, dpkg)
	}
	rpm, err := openRPM(ctx, s, dpkg == nil)
	if err != nil {
		return nil, err
	}
	if rpm != nil {
		list = append(list, rpm)
	}
	return list, nil
}

// addPackages takes the files of the block's packages, and of those that they
// depend on.
func (s *selection) addPackages(ctx context.Context) error {
	if len(s.host.Packages) == 0 {
		return nil
	}
	databases, err := s.databases(ctx)
	if err != nil {
		return s.problem("packages", "Packages can't be read", sentence(err.Error()),
			"Take files by paths and commands if the root has no packages.", err)
	}
	if len(databases) == 0 {
		return s.problem("packages", "No packages in the root",
			fmt.Sprintf("There is no database of dpkg or rpm in %s.", s.dir), "Take files by paths and commands.", nil)
	}
	for i, name := range s.host.Packages {
		db, id := lookUp(databases, name)
		if db == nil {
			return s.unknownPackage(i, name, databases)
		}
		if err := s.addPackage(ctx, db, id); err != nil {
			return err
		}
	}
	return nil
}

func lookUp(databases []database, name string) (database, string) {
	for _, db := range databases {
		if id := db.find(name); id != "" {
			return db, id
		}
	}
	return nil, ""
}

// unknownPackage is the error of a package that isn't installed.
func (s *selection) unknownPackage(i int, name string, databases []database) error {
	remedy := "Install it there, or correct its name."
	var like []string
	for _, db := range databases {
		for _, other := range db.names() {
			if strings.Contains(other, name) && !slices.Contains(like, other) {
				like = append(like, other)
			}
		}
	}
	if len(like) > 0 {
		slices.SortFunc(like, func(a, b string) int { return len(a) - len(b) })
		remedy = fmt.Sprintf("Install it there, or correct its name: there is %s.", strings.Join(like[:min(3, len(like))], ", "))
	}
	return s.problem("packages."+strconv.Itoa(i), "Package not found",
		fmt.Sprintf("The package %s isn't installed in the root %s.", name, s.dir), remedy, nil)
}

// addPackage takes a package and what it depends on.
func (s *selection) addPackage(ctx context.Context, db database, id string) error {
	seen := map[string]bool{id: true}
	for queue := []string{id}; len(queue) > 0; queue = queue[1:] {
		if err := ctx.Err(); err != nil {
			return err
		}
		files, err := db.files(queue[0])
		if err != nil {
			return err
		}
		for _, file := range files {
			if err := s.addPackaged(file); err != nil {
				return err
			}
		}
		if !s.host.Depends {
			continue
		}
		for _, other := range db.depends(queue[0]) {
			if !seen[other] {
				seen[other] = true
				queue = append(queue, other)
			}
		}
	}
	return nil
}

// addPackaged takes one file of a package. What isn't there was left out when
// the package was installed, or removed on purpose.
func (s *selection) addPackaged(file string) error {
	var way []string
	at, err := s.resolve(path.Clean(file), false, func(name string, _ known) { way = append(way, name) })
	if missing(err) || at == "" {
		return nil
	}
	if err != nil {
		return plain(err)
	}
	for _, name := range way {
		if s.excluded(name) {
			return nil
		}
	}
	for _, name := range way {
		s.add(name)
	}
	return nil
}
