"""Images for people: activations, filters, histories."""
