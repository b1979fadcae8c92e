"""The relay between API Gateway and the endpoint: checks a review, asks the model, passes on its verdict."""
