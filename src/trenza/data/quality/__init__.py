"""What is wrong with a data set: `audit.audit` finds it, `page.write` shows it, `audit.Report.flagged` filters it."""
