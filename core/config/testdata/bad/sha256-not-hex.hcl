toolchain "x86_64" {}
export "docker" {}
busybox {
  sha256 = "zzfbd89e5344c96acf449d94a6f956dbed62e18e835fc83e064db33a34bd549"
}
