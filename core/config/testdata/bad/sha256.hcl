toolchain "x86_64" {}
export "docker" {}
busybox {
  version = "1.34.0"
  sha256  = "415fbd89e5344c96acf449d94a6f956dbed62e18e835fc83e064db33a34bd549a"
}
