plugins {
  sandbox       = "no"
  heartbeat     = "30"
  timeout       = "-1s"
  start_timeout = 10
  memory        = "1GB"
}
