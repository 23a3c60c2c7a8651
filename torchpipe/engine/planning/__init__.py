"""What limits a run, what one more clone would give, and `clones="auto"`: arithmetic on snapshots.

Reading order: period, verdict, report, reporter, planned, scaler, autoscaling (which moves clones).
"""
