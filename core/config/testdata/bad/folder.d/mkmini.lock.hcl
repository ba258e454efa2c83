plugin "x" {}
