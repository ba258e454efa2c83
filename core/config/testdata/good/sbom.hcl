toolchain "x86_64" {}

export "oci" {}

sbom {
  formats   = ["cyclonedx"]
  attach    = false
  supplier  = "Example Ltd"
  namespace = "https://example.com/sbom"
}
