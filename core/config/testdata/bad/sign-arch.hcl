toolchain "x86_64" {}
export "docker" {}

sign {
  key          = "missing-${arch}.key"
  password_env = "not a name"
}
