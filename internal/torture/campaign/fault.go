package campaign

func fault(r *Run) {}
