toolchain "x86_64" {}

export "oci" {}

sbom {
  formats   = ["cyclonedx"]
  attach    = false
  supplier  = "example.org"
  namespace = "https://example.com/sbom"
}
