// Package image makes container images: what the exporters docker and oci
// share. Every image is first written as an OCI image layout in a folder, and
// read back from there.
// Source: opencontainers/image-spec, image-layout.md.
package image
