"""What a model gets right and wrong on labelled samples: `Model.report`."""
