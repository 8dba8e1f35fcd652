// What pint asks of every alert, beside its own checks.
rule {
  match {
    kind = "alerting"
  }
  annotation "summary" {
    required = true
    severity = "bug"
  }
  annotation "description" {
    required = true
    severity = "bug"
  }
  label "severity" {
    required = true
    severity = "bug"
    value    = "critical|warning|info"
  }
}
