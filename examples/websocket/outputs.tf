output "url" {
  description = "Where a client on this machine connects."
  value       = "ws://127.0.0.1:${gatewayd_listener.chat.port}/"
}

output "targets" {
  description = "The servers behind it."
  value       = { for key, target in gatewayd_pool.chat.targets : key => "${target.address}:${target.port}" }
}
