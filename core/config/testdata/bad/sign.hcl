toolchain "x86_64" {}
export "docker" {}

provenance {
  builder = "nobody"
  time    = "perhaps"
}

provenance {}

sign {
  password_file = "missing.txt"
  password_env  = "not a name"
  comment       = "two\nlines"
  keys          = "x"
}
