// Package registry writes container images to registries: what the exporters
// docker and oci made, and what others made in the same forms. What a registry
// has already is not sent again, so that a push that broke off goes on.
package registry
