toolchain "x86_64" {}
export "docker" {}

provenance {
  builder    = "https://ci.example/builder/1"
  invocation = "https://ci.example/run/4711"
  time       = true
}

sign {
  key          = "files/motd"
  password_env = "KEY_PASSWORD"
  comment      = "release of ${name}"
}
