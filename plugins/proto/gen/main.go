// Command gen writes the Go code of the plugin protocol.
//
//	go run -C plugins/proto/gen .          # write it
//	go run -C plugins/proto/gen . -check   # fail if it isn't up to date
//
// It is a module of its own, so that mkmini does not depend on compilers of
// .proto files. It needs no protoc.
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	"github.com/bufbuild/protocompile"
	"github.com/bufbuild/protocompile/protoutil"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/pluginpb"
)

// root is the folder that imports in .proto files start from, seen from this
// module's folder, in which `go run -C` runs the program.
const root = ".."

const source = "mkmini/v1/plugin.proto"

func main() {
	check := flag.Bool("check", false, "write nothing; fail if the generated code is not up to date")
	flag.Parse()
	if err := run(context.Background(), *check); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, check bool) error {
	request, err := compile(ctx)
	if err != nil {
		return err
	}
	// The names of the tools are those of the tool lines in go.mod.
	for _, tool := range []string{"protoc-gen-go", "protoc-gen-go-grpc"} {
		files, err := generate(ctx, tool, request)
		if err != nil {
			return err
		}
		for _, file := range files {
			if err := emit(file, check); err != nil {
				return err
			}
		}
	}
	return nil
}

// compile returns what protoc would hand to its generators.
func compile(ctx context.Context) (*pluginpb.CodeGeneratorRequest, error) {
	compiler := protocompile.Compiler{
		Resolver:       protocompile.WithStandardImports(&protocompile.SourceResolver{ImportPaths: []string{root}}),
		SourceInfoMode: protocompile.SourceInfoStandard,
	}
	files, err := compiler.Compile(ctx, source)
	if err != nil {
		return nil, fmt.Errorf("compile %s: %w", source, err)
	}
	return &pluginpb.CodeGeneratorRequest{
		FileToGenerate: []string{source},
		Parameter:      proto.String("paths=source_relative"),
		ProtoFile:      closure(files[0], nil),
	}, nil
}

// closure appends a file to list, after all that it imports.
func closure(file protoreflect.FileDescriptor, list []*descriptorpb.FileDescriptorProto) []*descriptorpb.FileDescriptorProto {
	known := func(f *descriptorpb.FileDescriptorProto) bool { return f.GetName() == file.Path() }
	if slices.ContainsFunc(list, known) {
		return list
	}
	for i := range file.Imports().Len() {
		list = closure(file.Imports().Get(i).FileDescriptor, list)
	}
	return append(list, protoutil.ProtoFromFileDescriptor(file))
}

func generate(ctx context.Context, tool string, request *pluginpb.CodeGeneratorRequest) ([]*pluginpb.CodeGeneratorResponse_File, error) {
	in, err := proto.Marshal(request)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, "go", "tool", tool)
	cmd.Stdin = bytes.NewReader(in)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("run %s: %w", tool, err)
	}
	var response pluginpb.CodeGeneratorResponse
	if err := proto.Unmarshal(out, &response); err != nil {
		return nil, fmt.Errorf("read the output of %s: %w", tool, err)
	}
	if response.Error != nil {
		return nil, fmt.Errorf("%s: %s", tool, response.GetError())
	}
	return response.File, nil
}

func emit(file *pluginpb.CodeGeneratorResponse_File, check bool) error {
	path := filepath.Join(root, filepath.FromSlash(file.GetName()))
	old, err := os.ReadFile(path)
	if err == nil && string(old) == file.GetContent() {
		return nil
	}
	if check {
		return fmt.Errorf("plugins/proto/%s is not up to date: run go generate ./plugins/proto/...", file.GetName())
	}
	return os.WriteFile(path, []byte(file.GetContent()), 0o644)
}
